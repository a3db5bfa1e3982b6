package store_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// Proves that a PostgreSQL that may lose acknowledged commits is refused, by the name of its setting, unless that is
// explicitly allowed.
func TestErrNotDurable(t *testing.T) {
	t.Parallel()
	unsafe := storetest.URL(t, store.Postgres) + "&options=-c%20synchronous_commit%3Doff"
	db, err := store.Open(context.Background(), store.Options{URL: unsafe})
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("got %v, want the setting's name", err)
	}
	db, err = store.Open(context.Background(), store.Options{URL: unsafe, AllowUnsafe: true})
	if err != nil {
		t.Fatalf("allowed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// Proves that an address that cannot be used is refused, without its password.
func TestErrBadURL(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(storetest.URL(t, store.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	wrongPassword := *u
	wrongPassword.User = url.UserPassword(u.User.Username(), "hunter2")
	noDatabase := wrongPassword
	noDatabase.Path = "/hunter2_is_not_here_but_the_name_may_be_said"
	for name, address := range map[string]string{
		"Empty":         "",
		"NoScheme":      "u:hunter2@127.0.0.1/x",
		"WrongScheme":   "mysql://u:hunter2@127.0.0.1/x",
		"BadPort":       "postgres://u:hunter2@127.0.0.1:port/x",
		"BadHost":       "postgres://u:hunter2@[::1/x",
		"BadEscape":     "postgres://u:hunter2%zz@127.0.0.1/x",
		"BadSetting":    "postgres://u:hunter2@127.0.0.1/x?sslmode=hunter2",
		"NobodyThere":   "postgres://u:hunter2@" + storetest.FreeAddr(t) + "/x?sslmode=disable",
		"WrongPassword": wrongPassword.String(),
		"NoFile":        "sqlite://",
		// Unescaped, a part of each of these passwords is read as the host, the port, the database or a setting.
		"PartIsHost":     "postgres://u:s@hunter2/x@127.0.0.1/x?connect_timeout=1",
		"PartIsPort":     "postgres://127.0.0.1:1/hunter2@127.0.0.1/x",
		"PartIsDatabase": "postgres://" + u.User.String() + "@" + u.Host + "/hunter2@127.0.0.1/x?sslmode=disable",
		"PartIsSetting":  "postgres://127.0.0.1:1?application_name=hunter2@127.0.0.1/x",
		"PartIsFragment": "postgres://127.0.0.1:1#hunter2@127.0.0.1/x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			db, err := store.Open(ctx, store.Options{URL: address})
			switch {
			case err == nil:
				db.Close()
				t.Error("accepted") // a server that trusts every client: the address was not bad there
			case strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// Proves that if the database is unreachable, the error is EUnavailable on every path, without its password. The same
// handle works again when the database is back.
func TestErrUnavailable(t *testing.T) {
	t.Parallel()
	real, err := url.Parse(storetest.URL(t, store.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	wire := storetest.NewWire(t, real.String())
	password, _ := real.User.Password()
	db := storetest.OpenURL(t, wire.URL, nil)
	a := storetest.NewAccount(t, db)

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	calls := map[string]func() error{
		"Ping": func() error { return db.Ping(ctx) },
		"Read": func() error { _, err := db.Account(ctx, a.ID); return err },
		"Write": func() error {
			return db.InTx(ctx, func(tx *store.Tx) error { return tx.SetCustomer(ctx, a.ID, "cus_1") })
		},
	}
	check := func(when string) {
		for name, call := range calls {
			err := call()
			if billing.CodeOf(err) != billing.EUnavailable || strings.Contains(err.Error(), password) {
				t.Errorf("%s, %s: got %v, want %s", when, name, err, billing.EUnavailable)
			}
		}
	}
	err = db.InTx(ctx, func(tx *store.Tx) error {
		wire.Cut()
		return tx.SetCustomer(ctx, a.ID, "cus_1")
	})
	if billing.CodeOf(err) != billing.EUnavailable {
		t.Errorf("cut inside a transaction: got %v, want %s", err, billing.EUnavailable)
	}
	check("cut")
	wire.Restore()
	if got := accountOf(t, db, a.ID); got.CustomerID != "" {
		t.Errorf("a transaction that was cut had an effect")
	}
	if err := calls["Write"](); err != nil {
		t.Errorf("mended: %v", err)
	}
}

// Proves that if the database is too slow for its caller, the error says to retry.
func TestErrTooSlow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		defer cancel()
		err := db.InTx(ctx, func(*store.Tx) error { return nil })
		if billing.CodeOf(err) != billing.EUnavailable {
			t.Errorf("got %v, want %s", err, billing.EUnavailable)
		}
	})
}
