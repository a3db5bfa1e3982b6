package inbox

import "time"

// NoSweeper keeps the sweeper from looking again once it has begun: what happens then, no look of its repairs. Call it before Start.
func (in *Inbox) NoSweeper() { in.sweeps = 24 * time.Hour }
