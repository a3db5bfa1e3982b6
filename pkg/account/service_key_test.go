package account

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// serviceKey makes a key with all scopes.
func serviceKey(t *testing.T, db *store.DB) (billing.ServiceKey, string) {
	t.Helper()
	k, secret, err := CreateKey(t.Context(), db, "", KeyRequest{Name: "worker", Scopes: billing.Scopes})
	must(t, err)
	return k, secret
}

// TestKeyForm proves that a secret has the form that docs/services.md gives to scanners, that its checksum finds any
// wrong letter, and that no two are alike.
func TestKeyForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^psk_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		secret := newSecret()
		if !form.MatchString(secret) || !wellFormed(secret) || seen[secret] || billing.Guessable(secret) {
			t.Fatalf("%q: well-formed %v, seen %v", secret, wellFormed(secret), seen[secret])
		}
		seen[secret] = true
	}
	for secret := range seen {
		for i := range secret {
			other := "x"
			if secret[i] == 'x' {
				other = "y"
			}
			if wrong := secret[:i] + other + secret[i+1:]; wellFormed(wrong) {
				t.Errorf("%q is taken for %q", wrong, secret)
			}
		}
		if wellFormed(secret+"0") || wellFormed(secret[1:]) || wellFormed("") {
			t.Error("a secret of another length is well-formed")
		}
		break
	}
}

// TestServiceKey proves the life of a key: it opens as what it was made, until it expires or is revoked. The database
// does not hold its secret, and a secret that is not ours is no one's.
func TestServiceKey(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		s := newService(t, db)
		end := clock.Now().Add(time.Hour)
		made, secret, err := CreateKey(t.Context(), db, "acc_1", KeyRequest{
			Name: "worker", Scopes: []billing.Scope{billing.ScopeHold, billing.ScopeRead}, ExpiresAt: &end,
		})
		must(t, err)
		other, _ := serviceKey(t, db)
		k, err := s.ServiceKey(t.Context(), secret)
		must(t, err)
		if k.ID != made.ID || k.CreatedBy != "acc_1" || k.Hint != secret[len(secret)-4:] || !k.May(billing.ScopeHold) ||
			!k.May(billing.ScopeSpend, billing.ScopeRead) || k.May(billing.ScopeSpend, billing.ScopeAdmin) {
			t.Errorf("it opens as %+v", k)
		}
		var kept string
		must(t, db.SQL().QueryRow("SELECT digest || name || scopes || hint FROM service_keys WHERE id = '"+
			string(made.ID)+"'").Scan(&kept))
		if strings.Contains(kept, secret) || strings.Contains(kept, secret[4:20]) {
			t.Errorf("the database holds the secret: %s", kept)
		}
		for _, wrong := range []string{newSecret(), secret[:len(secret)-1], "psk_", strings.ToUpper(secret)} {
			if _, err := s.ServiceKey(t.Context(), wrong); billing.CodeOf(err) != billing.EUnauthorized {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		clock.Set(end.Add(-1))
		if _, err := s.ServiceKey(t.Context(), secret); err != nil {
			t.Errorf("before its end: %v", err)
		}
		clock.Set(end)
		if _, err := s.ServiceKey(t.Context(), secret); billing.CodeOf(err) != billing.EUnauthorized {
			t.Errorf("at its end: %v", err)
		}
		revoked, err := RevokeKey(t.Context(), db, "acc_2", other.ID)
		must(t, err)
		again, err := RevokeKey(t.Context(), db, "acc_3", other.ID)
		must(t, err)
		if revoked.RevokedAt == nil || again.RevokedBy != "acc_2" || !again.RevokedAt.Equal(*revoked.RevokedAt) {
			t.Errorf("revoked %+v, and again %+v", revoked, again)
		}
		if _, err := RevokeKey(t.Context(), db, "", "key_none"); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("a key that does not exist: %v", err)
		}
	})
}

// TestRevokedAtOnce proves that a key that was revoked through one server opens nothing at another one, which has just
// served it: no server remembers a key.
func TestRevokedAtOnce(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, store.Postgres)
	here, there := storetest.OpenURL(t, url, nil), storetest.OpenURL(t, url, nil)
	k, secret := serviceKey(t, here)
	s := newService(t, there)
	for range 3 {
		_, err := s.ServiceKey(t.Context(), secret)
		must(t, err)
	}
	_, err := RevokeKey(t.Context(), here, "", k.ID)
	must(t, err)
	if _, err := s.ServiceKey(t.Context(), secret); billing.CodeOf(err) != billing.EUnauthorized {
		t.Errorf("after it was revoked: %v", err)
	}
}

// TestKeyRequests proves what a key may be made with.
func TestKeyRequests(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		now := clock.Now()
		for name, r := range map[string]KeyRequest{
			"no name":         {Scopes: billing.Scopes},
			"a blank name":    {Name: " \u200b", Scopes: billing.Scopes},
			"101 letters":     {Name: strings.Repeat("ö", 101), Scopes: billing.Scopes},
			"broken UTF-8":    {Name: "n\xff", Scopes: billing.Scopes},
			"a NUL":           {Name: "n\x00", Scopes: billing.Scopes},
			"no scope":        {Name: "n"},
			"unknown scope":   {Name: "n", Scopes: []billing.Scope{"root"}},
			"a scope twice":   {Name: "n", Scopes: []billing.Scope{billing.ScopeRead, billing.ScopeRead}},
			"an end that was": {Name: "n", Scopes: billing.Scopes, ExpiresAt: &now},
		} {
			if _, _, err := CreateKey(t.Context(), db, "", r); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if keys, err := db.ServiceKeys(t.Context(), "", 9); err != nil || len(keys) != 0 {
			t.Errorf("%d keys were made, %v", len(keys), err)
		}
		long := strings.Repeat("ö", 100) // of two bytes each
		if k, _, err := CreateKey(t.Context(), db, "", KeyRequest{Name: long, Scopes: billing.Scopes}); err != nil ||
			k.Name != long {
			t.Errorf("a name of 100 letters: %q, %v", k.Name, err)
		}
	})
}

// TestKeyUse proves that the last use of a key is recorded once a minute at most: at 0 s and at 60 s, and not at 59 s.
func TestKeyUse(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		k, _ := serviceKey(t, db)
		used := func() (at *time.Time) {
			must(t, db.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.UseServiceKey(t.Context(), k.ID, tx.Now.Add(-usePrecision))
			}))
			kept, err := db.ServiceKey(t.Context(), k.ID)
			must(t, err)
			return kept.LastUsedAt
		}
		begin := clock.Now()
		for _, c := range []struct{ after, want time.Duration }{
			{0, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute},
		} {
			clock.Set(begin.Add(c.after))
			if at := used(); at == nil || !at.Equal(begin.Add(c.want)) {
				t.Errorf("after %v: last used at %v", c.after, at)
			}
		}
	})
}

// TestKeyUseIsNoted proves that a request records the use, without waiting for it, and that only the first of a minute
// tries.
func TestKeyUseIsNoted(t *testing.T) {
	t.Parallel()
	now := storetest.Epoch
	u := keyUses{perSecond: 10, uses: map[billing.KeyID]*keyUse{}}
	noted := 0
	for _, after := range []time.Duration{0, time.Second, 59 * time.Second, 60 * time.Second, 61 * time.Second} {
		must(t, u.use(billing.ServiceKey{ID: "key_1"}, now.Add(after), func() { noted++ }))
	}
	if noted != 2 {
		t.Errorf("noted %d times, want 2: at 0 s and at 60 s", noted)
	}
	just := now.Add(61 * time.Second)
	must(t, u.use(billing.ServiceKey{ID: "key_2", LastUsedAt: &just}, now.Add(62*time.Second), func() { noted++ }))
	if noted != 2 {
		t.Error("another server noted the use a second ago")
	}
}

// TestKeyUseIsNotAwaited proves that a request neither waits for the note of its key's use nor fails with it. Another
// transaction holds the key's row. The request returns, and only after that the note is seen to wait for the row.
func TestKeyUseIsNotAwaited(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	s := newService(t, db)
	k, secret := serviceKey(t, db)
	held, err := db.SQL().Begin()
	must(t, err)
	defer held.Rollback() // if the test fails before it is rolled back below
	_, err = held.Exec("SELECT 1 FROM service_keys WHERE id = $1 FOR UPDATE", string(k.ID))
	must(t, err)
	_, err = s.ServiceKey(t.Context(), secret)
	must(t, err)
	storetest.WaitForLock(t, db)
	must(t, held.Rollback())
	storetest.WaitFor(t, "the use is noted", func() bool {
		noted, err := db.ServiceKey(t.Context(), k.ID)
		must(t, err)
		return noted.LastUsedAt != nil
	})
}

// TestKeyRate proves the limit of a key: at 10 a second 20 come at once, the next one after 100 ms. Another key has its
// own limit.
func TestKeyRate(t *testing.T) {
	t.Parallel()
	now := storetest.Epoch
	u := keyUses{perSecond: 10, uses: map[billing.KeyID]*keyUse{}}
	use := func(id billing.KeyID, at time.Time) error {
		return u.use(billing.ServiceKey{ID: id}, at, func() {})
	}
	for range 20 {
		must(t, use("key_1", now))
	}
	for range 3 { // being refused costs nothing
		err := use("key_1", now)
		var refused *billing.Error
		if !errors.As(err, &refused) || refused.Code != billing.ETooMany ||
			refused.RetryAfter != 100*time.Millisecond {
			t.Errorf("the 21st: %v", err)
		}
	}
	must(t, use("key_2", now))
	must(t, use("key_1", now.Add(100*time.Millisecond)))
	if err := use("key_1", now.Add(100*time.Millisecond)); billing.CodeOf(err) != billing.ETooMany {
		t.Errorf("the 23rd after 100 ms: %v", err)
	}
}

// TestKeyWithoutDatabase proves that a key that cannot be looked up is not refused as wrong: the caller is asked to try
// again.
func TestKeyWithoutDatabase(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		_, secret := serviceKey(t, db)
		s := newService(t, db)
		ctx, cancel := context.WithTimeout(t.Context(), -1)
		defer cancel()
		if _, err := s.ServiceKey(ctx, secret); billing.CodeOf(err) != billing.EUnavailable {
			t.Errorf("got %v, want %s", err, billing.EUnavailable)
		}
	})
}
