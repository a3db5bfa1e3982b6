package account

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a run after one that failed syncs the order at which it failed, although the database has it by then.
// The account's next automatic order waits for that: an account has one open one at a time.
func TestRecoverAgain(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		h := housetest.New(t, housetest.Options{})
		db := h.Open(t, storetest.URL(t, dialect))
		a := newAccount(h.Now(), "ada@example.com", "")
		a.CustomerID = billing.CustomerID(h.Ask(http.MethodPost, "/v1/customers", nil)["id"].(string))
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertAccount(t.Context(), a) }))
		customer := url.Values{"customer": {string(a.CustomerID)}}
		card := h.Ask(http.MethodPost, "/v1/payment_methods/pm_card_visa/attach", customer)["id"].(string)
		begin := h.Now().Add(-time.Minute)
		for _, id := range []string{"ord_1", "ord_2"} { // as automatic orders that the backup lacks
			h.Advance(time.Minute)
			h.Ask(http.MethodPost, "/v1/payment_intents", url.Values{
				"amount": {"500"}, "currency": {"usd"}, "confirm": {"true"}, "off_session": {"true"},
				"customer": {string(a.CustomerID)}, "payment_method": {card},
				"metadata[" + billing.MetadataOrder + "]":   {id},
				"metadata[" + billing.MetadataAccount + "]": {string(a.ID)},
				"metadata[" + billing.MetadataItem + "]":    {"pack_100"},
			})
		}
		var fails error
		r := Recovery{
			DB: db, Stripe: h.Stripe, Syncer: h.Syncer(db, h.Stripe, slog.New(slog.DiscardHandler)),
			Catalog: h.Catalog, Since: begin,
			Wait: func(context.Context, time.Duration) error { return fails },
		}
		type line struct {
			Outcome RecoveryOutcome
			Granted billing.Points
		}
		for _, run := range []struct {
			fails error
			want  []line
		}{
			{errKilled, []line{{OrderFailed, 0}, {OrderFailed, 0}}},
			{nil, []line{{OrderKnown, 100}, {OrderRestored, 100}}},
			{nil, []line{{OrderKnown, 0}, {OrderKnown, 0}}},
		} {
			var got []line
			fails = run.fails
			must(t, r.Run(t.Context(), func(done Recovered) error {
				got = append(got, line{done.Outcome, done.Granted})
				return nil
			}))
			if !reflect.DeepEqual(got, run.want) {
				t.Errorf("a run says %v, want %v", got, run.want)
			}
		}
		must(t, ledger.Audit(t.Context(), db, a.ID))
	})
}
