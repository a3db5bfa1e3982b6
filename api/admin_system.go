package api

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/jobs"
	"github.com/pointsync/pointsync/pkg/store"
)

// maxFailedJobs is how many failed jobs one response has.
const maxFailedJobs = 50

// EndAccountSessions ends all logins of an account.
func (s *server) EndAccountSessions(
	ctx context.Context, r EndAccountSessionsRequestObject,
) (EndAccountSessionsResponseObject, error) {
	a, replayed, err := s.decide(ctx, account.EndSessions, r.AccountId, r.Body.Reason, r.Params.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	return EndAccountSessions200JSONResponse{
		Body: a, Headers: EndAccountSessions200ResponseHeaders{IdempotentReplayed: replayed},
	}, nil
}

// SyncAccount asks Stripe about an account now.
func (s *server) SyncAccount(ctx context.Context, r SyncAccountRequestObject) (SyncAccountResponseObject, error) {
	a, replayed, err := s.accounts.SyncNow(ctx, billing.AccountID(r.AccountId), account.Decision{
		By: admin(ctx), Reason: r.Body.Reason, Key: r.Params.IdempotencyKey,
	})
	if err != nil {
		return nil, err
	}
	answer := SyncAccount200JSONResponse{Body: s.toAPIAdminAccount(a)}
	if replayed {
		answer.Headers.IdempotentReplayed = &replayed
	}
	return answer, nil
}

// ListStripeEvents returns a page of the events that Stripe sent.
func (s *server) ListStripeEvents(
	ctx context.Context, r ListStripeEventsRequestObject,
) (ListStripeEventsResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	events, err := s.db.Events(
		ctx, billing.InboxStatus(value(r.Params.Status)), billing.StripeEventID(value(r.Params.Cursor)), limit+1,
	)
	if err != nil {
		return nil, err
	}
	events, next := page(events, limit, func(e billing.InboxEvent) string { return string(e.ID) })
	return ListStripeEvents200JSONResponse{Events: each(events, toAPIInboxEvent), NextCursor: next}, nil
}

// ReplayStripeEvent makes an event pending again.
func (s *server) ReplayStripeEvent(
	ctx context.Context, r ReplayStripeEventRequestObject,
) (ReplayStripeEventResponseObject, error) {
	id := billing.StripeEventID(r.StripeEventId)
	if err := s.inbox.Replay(ctx, id, admin(ctx), r.Body.Reason); err != nil {
		return nil, err
	}
	e, err := s.db.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	return ReplayStripeEvent202JSONResponse(toAPIInboxEvent(e)), nil
}

// ListAdminActions returns a page of what admins did.
func (s *server) ListAdminActions(
	ctx context.Context, r ListAdminActionsRequestObject,
) (ListAdminActionsResponseObject, error) {
	limit := limitOf(r.Params.Limit)
	actions, err := s.db.AdminActions(
		ctx, billing.AccountID(value(r.Params.AccountId)), billing.ActionID(value(r.Params.Cursor)), limit+1,
	)
	if err != nil {
		return nil, err
	}
	actions, next := page(actions, limit, func(a billing.LoggedAction) string { return string(a.ID) })
	return ListAdminActions200JSONResponse{Actions: each(actions, toAPIAdminAction), NextCursor: next}, nil
}

// GetChecks returns how far the periodic walks over all accounts have come.
func (s *server) GetChecks(ctx context.Context, _ GetChecksRequestObject) (GetChecksResponseObject, error) {
	audit, err := s.db.AuditRun(ctx, billing.RunAudit)
	if err != nil {
		return nil, err
	}
	drift, err := s.db.AuditRun(ctx, billing.RunDrift)
	if err != nil {
		return nil, err
	}
	return GetChecks200JSONResponse{Audit: toAPICheckRun(audit), Drift: toAPICheckRun(drift)}, nil
}

// ListJobs returns the jobs that are not done.
func (s *server) ListJobs(ctx context.Context, _ ListJobsRequestObject) (ListJobsResponseObject, error) {
	counts, err := s.db.CountJobs(ctx, jobs.Unfinished)
	if err != nil {
		return nil, err
	}
	failed, err := s.jobs.Failed(ctx, maxFailedJobs)
	if err != nil {
		return nil, err
	}
	return ListJobs200JSONResponse{Counts: each(counts, toAPIJobCount), Failed: each(failed, toAPIFailedJob)}, nil
}

func toAPIInboxEvent(e billing.InboxEvent) InboxEvent {
	return InboxEvent{
		Id: string(e.ID), Type: e.Type, ObjectType: string(e.ObjectType), ObjectId: e.ObjectID,
		AccountId: optional(string(e.AccountID)), CustomerId: optional(string(e.CustomerID)),
		Status: InboxStatus(e.Status), Reason: optional(e.Reason), Attempts: e.Attempts,
		LastError: optional(e.LastError), CreatedAt: billing.Time(e.CreatedAt),
		ReceivedAt: billing.Time(e.ReceivedAt), ProcessedAt: (*billing.Time)(e.ProcessedAt),
	}
}

func toAPIAdminAction(a billing.LoggedAction) AdminAction {
	out := AdminAction{
		Id: string(a.ID), Action: AdminActionKind(a.Action), AccountId: optional(string(a.AccountID)),
		Subject: optional(a.Subject), Reason: a.Reason, CreatedAt: billing.Time(a.CreatedAt),
		By: AdminActor{Kind: AdminActorKindCommandLine, Id: optional(string(a.AdminID)), Email: optional(a.AdminEmail)},
	}
	switch a.AdminID.Actor().Kind {
	case billing.ActorAdmin:
		out.By.Kind = AdminActorKindAdmin
	case billing.ActorService:
		out.By.Kind = AdminActorKindService
	}
	if a.Amount != 0 {
		out.Amount = (*int64)(&a.Amount)
	}
	return out
}

func toAPICheckRun(r billing.AuditRun) CheckRun {
	return CheckRun{
		BeganAt: (*billing.Time)(r.BeganAt), EndedAt: (*billing.Time)(r.EndedAt), Accounts: r.Accounts,
		Findings: r.Findings, LastEndedAt: (*billing.Time)(r.LastEndedAt), LastFindings: r.LastFindings,
	}
}

func toAPIJobCount(c store.JobCount) JobCount {
	due := time.UnixMilli(int64(c.DueSeconds * 1000)).UTC()
	return JobCount{Kind: c.Kind, State: JobState(c.State), Jobs: c.Jobs, DueAt: billing.Time(due)}
}

func toAPIFailedJob(j jobs.Failed) FailedJob {
	return FailedJob{
		Kind: j.Kind, Queue: j.Queue, State: JobState(j.State), Attempt: int64(j.Attempt),
		MaxAttempts: int64(j.MaxAttempts), CreatedAt: billing.Time(j.CreatedAt),
		NextAt: (*billing.Time)(j.NextAt), Error: optional(j.Error),
	}
}
