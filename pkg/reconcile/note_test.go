package reconcile_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
)

// notes returns the account's syncs as an operator sees them, oldest first: kind, and the first word or two.
func (w *world) notes(id billing.AccountID) (all []string) {
	w.t.Helper()
	moments, err := w.db.Timeline(context.Background(), id, store.EndOfTime, 1000)
	must(w.t, err)
	for _, m := range moments {
		if strings.HasPrefix(string(m.Kind), "sync.") {
			all = append(all, m.Ref+" "+m.Parts[0])
		}
	}
	slices.Reverse(all)
	return all
}

// Proves that every sync leaves a note of its cause and its result: applied with what it changed, outrun, or failed
// with the reason. A spend that needs no sync leaves none.
func TestSyncsAreNoted(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, _ := w.subscriber()
		w.invert(a, func() {})
		w.Gate.Refuse()
		w.wantOutcome(a.ID, reconcile.Failed)
		w.Gate.Open()
		if _, err := w.syncer.SyncNow(w.t.Context(), a.ID, billing.CauseOrder); err != nil {
			w.t.Error(err)
		}
		want := []string{
			"1 event", "1 applied", "2 event", "3 event", "3 applied", "2 outrun", "4 spend", "4 failed", "5 order",
			"5 applied",
		}
		if got := w.notes(a.ID); !slices.Equal(got, want) {
			w.t.Errorf("the notes are\n%q, want\n%q", got, want)
		}
		details := w.details(a.ID)
		if !strings.Contains(
			details, "1 subscription none → basic_monthly active until ",
		) || !strings.Contains(details, "4 fetch account") {
			w.t.Errorf("the notes say\n%s", details)
		}
		if moments, err := w.db.Timeline(
			w.t.Context(), a.ID, store.EndOfTime, 1,
		); err != nil || moments[0].Version != w.account(a.ID).Version {
			w.t.Errorf("the last sync left version %+v (%v), the account has %d", moments, err, w.account(a.ID).Version)
		}
	})
}

func (w *world) details(id billing.AccountID) string {
	w.t.Helper()
	moments, err := w.db.Timeline(context.Background(), id, store.EndOfTime, 1000)
	must(w.t, err)
	var all []string
	for _, m := range moments {
		if m.Kind == billing.MomentSyncEnded {
			all = append(all, m.Ref+" "+m.Parts[1])
		}
	}
	return strings.Join(all, "\n")
}

// Proves that the note of a failure is also written if the sync failed because the caller stopped waiting. It does not
// contain the key.
func TestFailureIsNotedLate(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a := w.buyer()
		w.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		w.wantOutcome(a.ID, reconcile.Failed)
		if got := w.notes(a.ID); !slices.Equal(
			got, []string{"1 spend", "1 failed"},
		) || strings.Contains(w.details(a.ID), sandboxtest.Key) {
			w.t.Errorf("the notes are %q: %s", got, w.details(a.ID))
		}
	})
}

// Proves that texts from Stripe that no database accepts do not prevent a sync from being applied. A decline code with
// a NUL goes into the order and into the sync's note, and both are stored with a sign in its place.
func TestOddWordsAreKept(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"do_not\x00_honor", "do_not\xff_honor", strings.Repeat("x", 254) + "ä"} {
		eachWorld(t, func(w *world) {
			a := w.buyer()
			must(t, w.db.InTx(t.Context(), func(tx *store.Tx) error {
				failed := billing.Order{
					ID:          billing.NewOrderID(tx.Now),
					AccountID:   a.ID,
					Item:        "pack_100",
					Kind:        billing.KindPack,
					Quantity:    1,
					Points:      100,
					Amount:      500,
					Currency:    "usd",
					Status:      billing.OrderFailed,
					Automatic:   true,
					DeclineCode: code,
					CreatedAt:   tx.Now,
				}
				if err := tx.InsertOrder(t.Context(), failed); err != nil {
					return err
				}
				if err := tx.IssueTicket(t.Context(), a.ID, tx.Now); err != nil {
					return err
				}
				if err := tx.BeginSync(t.Context(), a.ID, 1, billing.CauseEvent); err != nil {
					return err
				}
				return tx.EndSync(
					t.Context(), a.ID, 1,
					billing.SyncEnd{Outcome: billing.SyncApplied, Detail: "order failed (" + code + ")"},
				)
			}))
			if details := w.details(a.ID); !utf8.ValidString(details) || !strings.Contains(details, "order failed (") {
				w.t.Errorf("the note says %q", details)
			}
		})
	}
}
