package checkout

import "time"

// SetDeletionTimeout changes how long the rest of one account's deletion may take.
func (s *Service) SetDeletionTimeout(d time.Duration) { s.deletions.timeout = d }
