package outbox_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

const low = 100 // the operator's threshold in these tests

// office is a database whose transactions write events, and a courier whose clock the test moves.
type office struct {
	t       *testing.T
	db      *store.DB
	clock   *storetest.Clock // the product's
	post    *outbox.Post
	courier *outbox.Courier
	ahead   atomic.Int64 // how far the courier's clock is ahead of the machine's
}

// eachOffice runs a suite on both databases.
func eachOffice(t *testing.T, f func(o *office)) {
	t.Helper()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) { f(newOffice(t, db, clock)) })
}

func newOffice(t *testing.T, db *store.DB, clock *storetest.Clock) *office {
	outbox.Attach(db, low)
	o := &office{t: t, db: db, clock: clock, post: outbox.NewPost(db, true)}
	o.courier = outbox.NewCourier(db, true, o.wall, slog.New(slog.DiscardHandler))
	return o
}

func (o *office) wall() time.Time { return time.Now().Add(time.Duration(o.ahead.Load())) }

// add makes an endpoint.
func (o *office) add(url string, types ...billing.OutgoingType) billing.Webhook {
	o.t.Helper()
	w, err := o.post.Add(context.Background(), "", outbox.Endpoint{URL: url, Types: types})
	must(o.t, err)
	return w
}

// run delivers what is due, and returns when the next delivery is due.
func (o *office) run(w billing.Webhook) *time.Time {
	o.t.Helper()
	next, busy, err := o.courier.Run(context.Background(), w.ID)
	must(o.t, err)
	if busy {
		o.t.Fatal("another job is at it")
	}
	return next
}

// sent lists what was written for an endpoint, oldest first.
func (o *office) sent(w billing.Webhook) []billing.Delivery {
	o.t.Helper()
	all, err := o.db.Deliveries(context.Background(), w.ID, "", "", 10_000)
	must(o.t, err)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// kinds returns the types of what was written for an endpoint, after the first skip ones.
func (o *office) kinds(w billing.Webhook, skip int) (kinds []billing.OutgoingType) {
	o.t.Helper()
	for _, d := range o.sent(w)[skip:] {
		kinds = append(kinds, d.Type)
	}
	return kinds
}

// account makes an account with points.
func (o *office) account(n billing.Points) billing.AccountID {
	o.t.Helper()
	id := storetest.NewAccount(o.t, o.db).ID
	if n > 0 {
		o.grant(id, billing.Grant{Key: "first:" + string(id), Source: "test", Amount: n})
	}
	return id
}

func (o *office) grant(id billing.AccountID, g billing.Grant) {
	o.t.Helper()
	o.change(id, func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		_, _, err := ledger.Grant(ctx, tx, a, g)
		return err
	})
}

// change does something under an account's lock.
func (o *office) change(id billing.AccountID, f func(ctx context.Context, tx *store.Tx, a billing.Account) error) {
	o.t.Helper()
	storetest.Change(o.t, o.db, id, f)
}

func (o *office) spend(id billing.AccountID, n billing.Points) billing.Entry {
	o.t.Helper()
	s, err := ledger.Spend(context.Background(), o.db, id, ledger.SpendRequest{Amount: n})
	must(o.t, err)
	return s.Entry
}

// receiver is one of the operator's endpoints. It keeps what comes, verified by the official library, and gives the
// replies that the test sets.
type receiver struct {
	t      *testing.T
	url    string
	mu     sync.Mutex
	got    []parcel
	answer func(n int, out http.ResponseWriter, r *http.Request)
	key    billing.SigningSecret
}

type parcel struct {
	id, account string
	body        map[string]any
	valid       error
}

// newReceiver returns a receiver that replies 200 unless answer does something else. n counts its requests from 0.
func newReceiver(t *testing.T, answer func(n int, out http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	rc := &receiver{t: t, answer: answer}
	server := httptest.NewServer(rc)
	t.Cleanup(server.Close)
	rc.url = server.URL + "/hook"
	return rc
}

func (rc *receiver) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		rc.t.Error(err)
	}
	p := parcel{id: r.Header.Get("webhook-id")}
	if err := json.Unmarshal(raw, &p.body); err != nil {
		rc.t.Errorf("%s: %v", raw, err)
	}
	if d, ok := p.body["data"].(map[string]any); ok {
		p.account, _ = d["account_id"].(string)
	}
	rc.mu.Lock()
	if verifier, err := standardwebhooks.NewWebhook(rc.key.Reveal()); err != nil {
		p.valid = err
	} else {
		p.valid = verifier.Verify(raw, r.Header)
	}
	n := len(rc.got)
	rc.got = append(rc.got, p)
	rc.mu.Unlock()
	if rc.answer != nil {
		rc.answer(n, out, r)
	}
}

func (rc *receiver) parcels() []parcel {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]parcel(nil), rc.got...)
}

// listens makes an endpoint of the receiver.
func (o *office) listens(rc *receiver, types ...billing.OutgoingType) billing.Webhook {
	o.t.Helper()
	w := o.add(rc.url, types...)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.key = w.Secret
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
