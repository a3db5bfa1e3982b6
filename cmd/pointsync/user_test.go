package main

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestUserRoleAndExplain proves that the command line makes an admin and reports it. It prints an account's story,
// including its own actions, as text and as JSON, and lets no control character of a customer reach the terminal.
func TestUserRoleAndExplain(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		url := storetest.URL(t, dialect)
		db := storetest.OpenURL(t, url, nil)
		p := program{t: t}.with("DATABASE_URL=" + url)
		a := storetest.NewAccount(t, db)
		if said := p.run(
			0, "user", "role", strings.ToUpper(a.Email), "admin",
		); !strings.Contains(said, "has the role admin now") {
			t.Errorf("user role says %q", said)
		}
		if said := p.run(0, "user", "role", a.Email, "admin"); !strings.Contains(said, "already") {
			t.Errorf("once more it says %q", said)
		}
		if now, err := db.Account(context.Background(), a.ID); err != nil || now.Role != billing.RoleAdmin {
			t.Errorf("the role is %q (%v)", now.Role, err)
		}
		p.run(1, "user", "role", "nobody@example.com", "admin")
		if out, err := p.command("user", "role", a.Email, "root").CombinedOutput(); err == nil {
			t.Errorf("somebody became root: %s", out)
		}
		move(t, db, a.ID)
		if said := p.run(0, "explain", a.Email); strings.Contains(said, "top-up") {
			t.Errorf("there is no top-up, and yet: %s", said)
		}
		topUp(t, db, a.ID)
		explained(t, p, a)
	})
}

// move grants some points and spends some, with a description that would clear a screen, begin a line, and turn it
// around.
func move(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *store.Tx) error {
		a, err := tx.LockAccount(ctx, id)
		if err == nil {
			_, _, err = ledger.Grant(ctx, tx, a, billing.Grant{Key: "k", Amount: 100, Description: "a gift"})
		}
		return err
	})
	if err == nil {
		_, err = ledger.Spend(ctx, db, id, ledger.SpendRequest{Amount: 30, Description: "clear\x1b[2J\na\u202eb"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// topUp gives the account a top-up that was declined too often.
func topUp(t *testing.T, db *store.DB, id billing.AccountID) {
	t.Helper()
	err := db.InTx(context.Background(), func(tx *store.Tx) error {
		return tx.SaveTopUp(context.Background(), billing.TopUp{
			AccountID: id,
			Status:    billing.TopUpAttention,
			Reason:    billing.TopUpDeclined,
			Pack:      "pack_100",
			Quantity:  2,
			Amount:    1000,
			Currency:  "usd",
			Threshold: 50, MonthlyLimit: 3, Declines: 3, DueAt: tx.Now, CreatedAt: tx.Now,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func explained(t *testing.T, p program, a billing.Account) {
	t.Helper()
	said := p.run(0, "explain", strings.ToUpper(a.Email))
	at := -1
	for _, part := range []string{
		string(a.ID) + "  " + a.Email + "  admin", "70 points available",
		"top-up needs_attention (declined): 2 × pack_100 for 1000 usd below 50 points, at most 3 a month",
		"registered as " + a.Email, "the command line changed the role from user to admin",
		"100 points granted: a gift; the balance is 100", "30 points spent: clear\uFFFD[2J\uFFFDa\uFFFDb; the balance is 70",
	} {
		next := strings.Index(said, part)
		if next <= at {
			t.Errorf("%q is not there, or not in its place:\n%s", part, said)
		}
		at = next
	}
	if said := p.run(
		0, "explain", a.Email, "--limit", "1",
	); strings.Contains(said, "registered") || !strings.Contains(said, "older moments are left out") {
		t.Errorf("the last moment alone: %s", said)
	}
	if said := p.run(0, "explain", a.Email, "--since", "1ns"); strings.Contains(said, "points spent") ||
		!strings.Contains(said, "older moments are left out") {
		t.Errorf("none of the last nanosecond: %s", said)
	}
	if said := p.run(0, "explain", a.Email, "--since", "1h"); !strings.Contains(said, "registered") ||
		strings.Contains(said, "left out") {
		t.Errorf("the last hour: %s", said)
	}
	p.run(1, "explain", a.Email, "--since=-1h")
	lines := bufio.NewScanner(strings.NewReader(p.run(0, "explain", "--json", a.Email)))
	var last momentLine
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
	}
	if last.Kind != billing.MomentPoints || *last.Amount != -30 || *last.BalanceAfter != 70 || *last.Version == 0 {
		t.Errorf("the last line is %+v", last)
	}
	p.run(1, "explain", "nobody@example.com")
	p.run(1, "explain", a.Email, "--limit", "0")
}

// TestUserUnpark proves that the command line lets a parked account's grants through and reports it, and refuses if
// nothing waits.
func TestUserUnpark(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := storetest.URL(t, store.SQLite)
	db := storetest.OpenURL(t, url, nil)
	p := program{t: t}.with("DATABASE_URL=" + url)
	a := storetest.NewAccount(t, db)
	p.run(1, "user", "unpark", a.Email)
	p.run(1, "user", "unpark", "nobody@example.com")
	err := db.InTx(ctx, func(tx *store.Tx) error {
		locked, err := tx.LockAccount(ctx, a.ID)
		if err != nil {
			return err
		}
		locked.Parking = billing.Parking{At: &tx.Now, Reason: "too many"}
		return tx.SaveParking(ctx, locked)
	})
	if err != nil {
		t.Fatal(err)
	}
	if said := p.run(
		0, "user", "unpark", strings.ToUpper(a.Email), "--reason", "known to us",
	); !strings.Contains(said, "("+string(a.ID)+") is parked no longer") {
		t.Errorf("user unpark says %q", said)
	}
	if now, err := db.Account(ctx, a.ID); err != nil || now.Parking.At != nil || !now.Parking.Approved ||
		now.Sync.NextGrantAt == nil {
		t.Errorf("afterwards %+v (%v)", now.Parking, err)
	}
	if said := p.run(0, "explain", a.Email); !strings.Contains(
		said, "the command line let the grants through that waited: known to us",
	) {
		t.Errorf("the story: %s", said)
	}
}

// TestExplainNames proves that an account is found by an external id that looks like an id of ours, and that the story
// begins with all its names.
func TestExplainNames(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := storetest.URL(t, store.SQLite)
	db := storetest.OpenURL(t, url, nil)
	var id billing.AccountID
	err := db.InTx(ctx, func(tx *store.Tx) error {
		id = billing.NewAccountID(tx.Now)
		if _, err := tx.EnterExternalID(ctx, "acc_42", id); err != nil {
			return err
		}
		return tx.InsertAccount(ctx, billing.Account{
			ID: id, Email: "ada@example.com", ExternalID: "acc_42", Version: 1, Role: billing.RoleUser,
			Sync: billing.SyncState{BudgetAt: tx.Now}, CreatedAt: tx.Now,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	said := program{t: t}.with("DATABASE_URL="+url).run(0, "explain", "acc_42")
	if want := string(id) + "  ada@example.com  acc_42  user\n"; !strings.HasPrefix(said, want) {
		t.Errorf("explain says %q, want %q", said, want)
	}
}
