package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// Chore is work of a room above that comes back for ever. One replica does it at a time; what fails is tried again.
type Chore struct {
	Name  string
	Every time.Duration
	Do    func(context.Context) error
}

type choreArgs struct {
	Name string `json:"name"`
}

func (choreArgs) Kind() string { return "chore" }

type choreWorker struct {
	river.WorkerDefaults[choreArgs]
	chores []Chore
}

// Work does the chore. One that this program does not know, as while a newer one takes over, is the other's.
func (w *choreWorker) Work(ctx context.Context, job *river.Job[choreArgs]) error {
	for _, c := range w.chores {
		if c.Name == job.Args.Name {
			return c.Do(ctx)
		}
	}
	return fmt.Errorf("inbox: nobody here does the chore %q", job.Args.Name)
}

// periodicChores makes periodic jobs of chores.
func periodicChores(chores []Chore) []*river.PeriodicJob {
	jobs := make([]*river.PeriodicJob, len(chores))
	for i, c := range chores {
		jobs[i] = river.NewPeriodicJob(river.PeriodicInterval(c.Every), func() (river.JobArgs, *river.InsertOpts) {
			return choreArgs{c.Name}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting}}
		}, &river.PeriodicJobOpts{RunOnStart: true})
	}
	return jobs
}
