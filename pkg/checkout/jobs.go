package checkout

import "github.com/pointsync/pointsync/pkg/jobs"

// RegisterJobs registers the look that follows changes of plans.
func (s *Service) RegisterJobs(r *jobs.Runner) {
	r.Look(jobs.Look{Kind: "changes", Every: changeInterval, Alone: true, Do: s.FollowChanges})
}

// RegisterJobs registers the look that orders and charges automatic top-ups.
func (s *TopUps) RegisterJobs(r *jobs.Runner) {
	r.Look(jobs.Look{Kind: "top_up", Every: TopUpInterval, Alone: true, Do: s.Run})
}
