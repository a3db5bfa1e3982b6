package checkout

import "github.com/pointsync/pointsync/pkg/jobs"

// RegisterJobs registers the jobs that follow changes of subscriptions and deletions of accounts.
func (s *Service) RegisterJobs(r *jobs.Runner) {
	r.Look(jobs.Look{Kind: "changes", Every: changeInterval, Alone: true, Do: s.FollowChanges})
	r.Look(jobs.Look{
		Kind: "deletions", Every: deletionInterval, Alone: true, Timeout: deletionLook, Do: s.FinishDeletions,
	})
}

// RegisterJobs registers the job that orders and charges automatic top-ups.
func (s *TopUps) RegisterJobs(r *jobs.Runner) {
	r.Look(jobs.Look{Kind: "top_up", Every: TopUpInterval, Alone: true, Do: s.Run})
}
