package account

import (
	"sync/atomic"
	"testing"

	"github.com/alexedwards/argon2id"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// turns counts how often f takes a turn at hashing.
func turns(s *Service, f func() error) (n int64, err error) {
	var taken atomic.Int64
	s.hashers.began = func() { taken.Add(1) }
	err = f()
	return taken.Load(), err
}

// TestLoginCosts proves that an unknown email costs as much hashing as a wrong password, and gets the same response.
// Neither the time nor the text reveals who has an account.
func TestLoginCosts(t *testing.T) {
	t.Parallel()
	s := newService(t, storetest.Open(t, store.SQLite))
	if _, err := s.Register(t.Context(), "ada@example.com", password); err != nil {
		t.Fatal(err)
	}
	attempt := func(email, password string) (int64, error) {
		return turns(s, func() error { _, err := s.Login(t.Context(), email, password); return err })
	}
	wrong, wrongErr := attempt("ada@example.com", "not the password")
	nobody, nobodyErr := attempt("nobody@example.com", "not the password")
	decoy, decoyErr := attempt("nobody@example.com", "no password of anybody's")
	if wrong != 1 || nobody != 1 || decoy != 1 {
		t.Errorf(
			"turns taken: wrong password %d, unknown email %d, the decoy's password %d; want 1 each", wrong, nobody,
			decoy,
		)
	}
	for _, err := range []error{wrongErr, nobodyErr, decoyErr} {
		if billing.CodeOf(err) != billing.EUnauthorized || err.Error() != wrongErr.Error() {
			t.Errorf("got %v, want %v", err, wrongErr)
		}
	}
}

// TestRehash proves that a password that was stored with other parameters still opens its account, and is stored with
// the present ones from then on. A wrong one changes nothing.
func TestRehash(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newService(t, db)
		in, err := s.Register(t.Context(), "ada@example.com", password)
		must(t, err)
		older, err := argon2id.CreateHash(
			password, &argon2id.Params{Memory: 64 * 1024, Iterations: 1, Parallelism: 2, SaltLength: 16, KeyLength: 32},
		)
		must(t, err)
		stored := func() string {
			a, err := db.Account(t.Context(), in.Account.ID)
			must(t, err)
			return a.PasswordHash
		}
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.ReplacePasswordHash(t.Context(), in.Account.ID, in.Account.PasswordHash, older)
		}))
		if _, err := s.Login(t.Context(), "ada@example.com", "not the password"); err == nil || stored() != older {
			t.Errorf("a wrong password: %v, stored %s", err, stored())
		}
		for range 2 {
			_, err := s.Login(t.Context(), "ada@example.com", password)
			must(t, err)
			if params, _, _, err := argon2id.DecodeHash(stored()); err != nil || *params != *hashParams {
				t.Errorf("stored with %+v: %v", params, err)
			}
		}
		must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.ReplacePasswordHash(t.Context(), in.Account.ID, "what it was before a change", older)
		}))
		if stored() == older {
			t.Error("a password that was changed in the meantime was overwritten")
		}
	})
}
