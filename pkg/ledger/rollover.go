package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// begin begins the period of a grant that replaces. Points of earlier periods are kept in the new period as far as its
// rollover allows; the others end. Lots of the period itself stay as they are, for example those of a change up that
// was paid before the renewal. The caller saves the account.
func begin(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, g billing.Grant,
) (billing.Account, error) {
	p := billing.BegunPeriod{
		AccountID: a.ID, Source: g.Source, Period: *g.Period, ExpiresAt: g.ExpiresAt, Rollover: g.Rollover,
	}
	earlier := func(l billing.Lot) bool {
		return l.Source == p.Source && l.Period != nil && l.Period.Start.Before(p.Start)
	}
	a, carried, err := rollOver(ctx, tx, a, lots, p, p.Rollover, earlier)
	if err != nil {
		return a, err
	}
	p.Carried = carried
	return a, tx.BeginPeriod(ctx, p)
}

// laterPeriod returns the newest period of a grant's source, if it began after the grant's own: then the grant was paid
// late.
func laterPeriod(
	ctx context.Context, tx *store.Tx, id billing.AccountID, g billing.Grant,
) (p billing.BegunPeriod, ok bool, err error) {
	if g.Period == nil {
		return p, false, nil
	}
	p, ok, err = tx.NewestPeriod(ctx, id, g.Source)
	return p, ok && p.Start.After(g.Period.Start), err
}

// catchUp rolls a lot that was paid late over into the period p, which is later. The free points of all earlier periods
// are cut again, to the cap minus what was spent of the points that the period carried. So what is kept plus what was
// spent is never more than if the lot had been paid in time. The caller saves the account.
func catchUp(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, late billing.LotID, p billing.BegunPeriod,
) (billing.Account, error) {
	earlier := func(l billing.Lot) bool {
		return l.Source == p.Source && l.Origin != nil && l.Origin.Before(p.Start)
	}
	var free billing.Points
	for _, l := range lots {
		if earlier(l) && l.ID != late && l.EndedAt == nil {
			free += l.Remaining
		}
	}
	spent := max(0, p.Carried-free)
	a, carried, err := rollOver(ctx, tx, a, lots, p, p.Rollover-spent, earlier)
	if err != nil {
		return a, err
	}
	p.Carried = spent + carried
	return a, tx.SaveCarried(ctx, p)
}

// rollOver moves up to limit points of the chosen lots into a period, and ends the rest. Lots granted for the newest
// period come first. The points stay in their lots, so a refund finds them where it looks first. If a lot goes over,
// so do its held points, but they count only when they come back. rollOver returns how many points it moved. The
// caller saves the account.
func rollOver(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, into billing.BegunPeriod,
	limit billing.Points, which func(billing.Lot) bool,
) (billing.Account, billing.Points, error) {
	left := limit
	for _, i := range newestFirst(lots, which) {
		l := lots[i]
		if l.EndedAt != nil || l.Remaining+l.Held == 0 {
			continue
		}
		if left == 0 {
			var err error
			if a, err = endLots(ctx, tx, a, lots[i:i+1], "replaced by the next period", which); err != nil {
				return a, 0, err
			}
			continue
		}
		kept := min(left, l.Remaining)
		left -= kept
		moved := l.Period == nil || l.Period.Start.Before(into.Start)
		lots[i].Period, lots[i].ExpiresAt = &into.Period, into.ExpiresAt
		var err error
		if a, err = cut(ctx, tx, a, &lots[i], l.Remaining-kept); err != nil {
			return a, 0, err
		}
		if kept > 0 && moved {
			a.Version++
			why := fmt.Sprintf("%d points go over into the next period", kept)
			if err := appendEntry(ctx, tx, a, billing.EntryRollover, 0, why, l.ID); err != nil {
				return a, 0, err
			}
		}
	}
	return a, limit - left, nil
}

// newestFirst lists the indexes of the chosen lots, those granted for the newest period first, then the newest lots.
func newestFirst(lots []billing.Lot, which func(billing.Lot) bool) []int {
	var chosen []int
	for i, l := range lots {
		if which(l) {
			chosen = append(chosen, i)
		}
	}
	slices.SortFunc(chosen, func(i, j int) int {
		return cmp.Or(lots[j].Origin.Compare(*lots[i].Origin), cmp.Compare(lots[j].ID, lots[i].ID))
	})
	return chosen
}

// cut saves a lot and takes n of its points out of the account, because they exceed what goes over.
func cut(
	ctx context.Context, tx *store.Tx, a billing.Account, l *billing.Lot, n billing.Points,
) (billing.Account, error) {
	l.Remaining -= n
	l.Expired += n
	if err := tx.SaveLot(ctx, *l); err != nil || n == 0 {
		return a, err
	}
	a.Available -= n
	a.Version++
	return a, appendEntry(ctx, tx, a, billing.EntryExpire, -n, "more than goes over into the next period", l.ID)
}

// returned is what a hold gave back to a lot. When the hold was made, the lot was in a period that began at
// part.Since.
type returned struct {
	lot    int // index
	points billing.Points
	part   billing.HoldPart
}

// cross lets points that a hold gave back go over into the periods that have begun since the hold was made, as if they
// had been in the lot then. Each of these periods accepts what is left of its rollover. A lot that has ended keeps
// nothing anyway. The caller saves the account.
func cross(
	ctx context.Context, tx *store.Tx, a billing.Account, lots []billing.Lot, back []returned,
) (billing.Account, error) {
	by := map[int]returned{}
	for _, r := range back {
		by[r.lot] = r
	}
	indexes := newestFirst(lots, func(l billing.Lot) bool { return l.Origin != nil && l.EndedAt == nil })
	for _, i := range indexes {
		r, ok := by[i]
		if !ok || r.points == 0 || r.part.Since == nil {
			continue
		}
		begun, err := tx.PeriodsSince(ctx, a.ID, lots[i].Source, *r.part.Since)
		if err != nil {
			return a, err
		}
		kept := r.points
		for _, p := range begun {
			kept = min(kept, p.Room())
			if p.Carried += kept; kept > 0 {
				if err := tx.SaveCarried(ctx, p); err != nil {
					return a, err
				}
			}
		}
		if a, err = cut(ctx, tx, a, &lots[i], r.points-kept); err != nil {
			return a, err
		}
	}
	return a, nil
}
