package inbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// person repeats a recorded life under new ids: Stripe's ids with a number at the end. The gate removes the number from
// requests and adds it to replies. This lets any number of accounts have the same state at Stripe.
type person struct {
	life
	number int
}

var (
	stripeID = regexp.MustCompile(`\b(cus|sub|si|in|il|cs_test|pi|ch|evt)_[A-Za-z0-9]+`)
	mark     = regexp.MustCompile(`__[0-9]+`)
)

func newPerson(number int, l life) person {
	behind := fmt.Sprint("__", number)
	p := person{number: number, life: life{account: l.account}}
	p.account.ID = billing.NewAccountID(l.account.CreatedAt)
	p.account.Email = fmt.Sprint("person", number, "@example.com")
	p.account.CustomerID += billing.CustomerID(behind)
	for _, o := range l.orders {
		o.ID, o.AccountID = billing.NewOrderID(o.CreatedAt), p.account.ID
		o.CheckoutID += billing.CheckoutID(behind)
		p.orders = append(p.orders, o)
	}
	ids := idsOf(l)
	for _, body := range l.events {
		p.events = append(p.events, rename(body, ids, behind))
	}
	return p
}

// idsOf lists the Stripe ids that a life contains.
func idsOf(lives ...life) (ids []string) {
	for _, l := range lives {
		for _, body := range l.events {
			ids = append(ids, stripeID.FindAllString(body, -1)...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func rename(text string, ids []string, behind string) string {
	for _, id := range ids {
		text = strings.ReplaceAll(text, id, id+behind)
	}
	return text
}

// rows returns what the database contains about the person, as if they were the only one.
func (p person) rows(w *world) string {
	events := storetest.Dump(w.t, w.db, fmt.Sprintf(
		`SELECT id, type, status, reason, attempts, last_error FROM inbox_events WHERE account_id = '%s' ORDER BY id`,
		p.account.ID,
	))
	rows := strings.ReplaceAll(w.dump(p.account.ID), string(p.account.ID), "acc") + events
	for _, o := range p.orders {
		rows = strings.ReplaceAll(rows, string(o.ID), "ord")
	}
	return mark.ReplaceAllString(rows, "")
}

// want compares the person's final state with what their life must lead to, so that all accounts are not just equally
// wrong.
func (p person) want(w *world, status billing.SubscriptionStatus, points billing.Points) {
	w.t.Helper()
	a := w.account(p.account.ID)
	if a.Subscription == nil || a.Subscription.Status != status || a.Available != points || a.Debt != 0 {
		w.t.Errorf("subscription %+v, %d points, %d owed", a.Subscription, a.Available, a.Debt)
	}
}

// impersonate makes Stripe reply to a request about a numbered person with its data of the person who lived first.
func (s *shop) impersonate(ids []string) {
	s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
		behind := mark.FindString(r.URL.String())
		if behind == "" {
			s.Gate.Stripe.ServeHTTP(out, r)
			return
		}
		plain := r.Clone(r.Context())
		plain.URL.Path = strings.ReplaceAll(r.URL.Path, behind, "")
		plain.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, behind, "")
		reply := httptest.NewRecorder()
		s.Gate.Stripe.ServeHTTP(reply, plain)
		for name, values := range reply.Header() {
			out.Header()[name] = values
		}
		out.Header().Del("Content-Length")
		out.WriteHeader(reply.Code)
		_, _ = io.WriteString(out, rename(reply.Body.String(), ids, behind)) // fails if the caller has left
	})
}
