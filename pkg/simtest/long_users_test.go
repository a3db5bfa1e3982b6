package simtest

import (
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/alexedwards/argon2id"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

// cheapHash are the parameters of a password hash that costs almost nothing to verify: a hash contains its own cost. To
// register ten thousand people with the usual cost would take the machine half an hour.
var cheapHash = &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// enrol makes all accounts as registration does, except for the cost of the password hash. The users log in as usual.
func (l *long) enrol() {
	hash, err := argon2id.CreateHash(password, cheapHash)
	l.must(err)
	everybody := append(slices.Clone(l.users), l.admin)
	l.inParallel(checkers, len(everybody), func(n int) {
		u := everybody[n]
		err := l.db.InTx(l.ctx, func(tx *store.Tx) error {
			a := billing.Account{
				ID:           billing.NewAccountID(tx.Now),
				Email:        u.email,
				PasswordHash: hash,
				Version:      1,
				Sync:         billing.SyncState{BudgetAt: tx.Now},
				CreatedAt:    tx.Now,
			}
			u.account = string(a.ID)
			return tx.InsertAccount(l.ctx, a)
		})
		if err != nil {
			l.violate(u, "cannot be enrolled: %v", err)
		}
	})
	l.admin.login()
	l.appointAdmin()
}

// joinTries is how often a user tries to subscribe while faults strike servers and wires.
const joinTries = 5

// join logs in and subscribes. One user in ten subscribes for a year, one in ten pays by bank debit from then on, and
// one in ten has a top-up.
func (u *user) join(r *rand.Rand) {
	u.login()
	switch u.number % 10 {
	case 0:
		u.enterWith(map[string]any{"item": "yearly"}, "pm_card_visa")
	case 1:
		u.enterWith(somePlan(r, "item"), u.debit(ibans[0].do))
	case 2:
		u.enter(r)
		u.setTopUp(r)
	default:
		u.enter(r)
	}
}

// enter subscribes to a random plan.
func (u *user) enter(r *rand.Rand) { u.enterWith(somePlan(r, "item"), "pm_card_visa") }

func (u *user) enterWith(body map[string]any, method string) {
	for range joinTries {
		made, ok := u.order(body)
		if ok && u.pay(made, method) == http.StatusOK {
			return
		}
	}
}

func (u *user) unchecked() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.claims)
}
