package simtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/pointsync/pointsync/pkg/billing"
)

const adminEmail = "admin@example.com"

// appointAdmin makes one of the accounts an admin, on the command line: that is the only way to make one.
func (w *world) appointAdmin() {
	_, err := w.command("user", "role", adminEmail, "admin")
	w.must(err)
}

// beGiven lets the admin give the user points, at times by several copies of one request.
func (u *user) beGiven(r *rand.Rand) {
	u.adjust(u.intend(intent{kind: billing.EntryGrant, amount: 1 + r.Int64N(maxSpend)}), r)
}

// beCorrected lets the admin take points away, at most as many as the user has.
func (u *user) beCorrected(r *rand.Rand) {
	u.adjust(u.intend(intent{kind: billing.EntryCorrection, amount: amount(r)}), r)
}

func (u *user) adjust(in *intent, r *rand.Rand) {
	if r.IntN(2) == 0 {
		u.sendCopies(in, 2+r.IntN(3))
		return
	}
	u.try(in, "", patience)
}

// compareGifts compares the lots that an admin gave with the entries. Each entry has one lot of as many points, which
// never expires.
func compareGifts(lots []billing.Lot, entries []billing.Entry) string {
	given := map[billing.LotID]billing.Points{}
	for _, e := range entries {
		if e.Kind == billing.EntryGrant && keyOf(e) != "" {
			given[e.LotID] = e.Amount
		}
	}
	for _, lot := range lots {
		amount, known := given[lot.ID]
		delete(given, lot.ID)
		if !known || amount != lot.Granted || lot.ExpiresAt != nil || lot.ClawedBack != 0 {
			return fmt.Sprintf(
				"the admin's lot %s has %d points until %v, %d clawed back, and its entry gave %d", lot.GrantKey,
				lot.Granted, lot.ExpiresAt, lot.ClawedBack, amount,
			)
		}
	}
	for id, amount := range given {
		return fmt.Sprintf("the admin gave %d points and there is no lot %s", amount, id)
	}
	return ""
}
