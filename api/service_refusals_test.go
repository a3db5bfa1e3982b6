package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestServiceRefusals proves that what the contract does not allow a service is refused with the documented problem,
// and that nothing had an effect.
func TestServiceRefusals(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		worker, path := w.service(t, billing.Scopes...), w.user(t).account()
		accounts, keys := storetest.Count(t, w.db, countAccounts), storetest.Count(t, w.db, countKeys)
		for _, list := range [][]refusal{
			badServicePoints(path), badAccounts(), badServiceKeys(), wrongCredentials(path), nobodysAccount(path),
		} {
			for _, r := range list {
				t.Run(r.name, func(t *testing.T) { r.holds(t, worker.other()) })
			}
		}
		if got := worker.call(http.StatusOK, http.MethodGet, path+"/points", nil).number("available"); got != 0 {
			t.Errorf("a refused request had an effect: %d points", got)
		}
		if got := storetest.Count(t, w.db, countAccounts); got != accounts {
			t.Errorf("a refused request had an effect: %d accounts, before %d", got, accounts)
		}
		if got := storetest.Count(t, w.db, countKeys); got != keys {
			t.Errorf("a refused request had an effect: %d service keys, before %d", got, keys)
		}
	})
}

const (
	countAccounts = "SELECT count(*) FROM accounts"
	countKeys     = "SELECT count(*) FROM service_keys"
)

// invalidPosts returns requests that are not valid: name, address, body and pointer of each.
func invalidPosts(header []string, posts ...[4]string) (list []refusal) {
	for _, p := range posts {
		list = append(list, refusal{p[0], http.MethodPost, p[1], p[2], header, 400, "validation", p[3]})
	}
	return list
}

func badServicePoints(path string) []refusal {
	const key = "Idempotency-Key"
	grants := path + "/grants"
	unkeyed := invalidPosts(nil,
		[4]string{"spend without a key", path + "/spends", `{"amount":1}`, key},
		[4]string{"hold without a key", path + "/holds", `{"amount":1}`, key},
		[4]string{"grant without a key", grants, `{"amount":1,"reference":"r"}`, key},
	)
	spaced := invalidPosts([]string{key, "service k"},
		[4]string{"a key with the space of services", path + "/spends", `{"amount":1}`, key},
	)
	const ended = `{"amount":1,"reference":"r","expires_at":"2020-01-01T00:00:00Z"}`
	const late = `{"amount":1,"reference":"r","expires_at":"9999-12-31T23:59:59-05:00"}` // in UTC the year 10000
	const early = `{"amount":1,"reference":"r","expires_at":"0000-01-01T00:00:00+05:00"}`
	const day = `{"amount":1,"reference":"r","expires_at":"2099-01-01"}`
	return append(append(unkeyed, spaced...), invalidPosts([]string{key, "k"},
		[4]string{"grant without a reference", grants, `{"amount":1}`, "/reference"},
		[4]string{"grant with an empty reference", grants, `{"amount":1,"reference":""}`, "/reference"},
		[4]string{"grant under a reference with a space", grants, `{"amount":1,"reference":"a b"}`, "/reference"},
		[4]string{"grant of less than nothing", grants, `{"amount":-1,"reference":"r"}`, "/amount"},
		[4]string{"grant that has ended", grants, ended, "/expires_at"},
		[4]string{"grant until the year 10000", grants, late, "/expires_at"},
		[4]string{"grant until the year -1", grants, early, "/expires_at"},
		[4]string{"grant until a day", grants, day, "/expires_at"},
		[4]string{"grant with bad metadata", grants, `{"amount":1,"reference":"r","metadata":{"":"v"}}`, "/metadata"},
	)...)
}

func badAccounts() []refusal {
	long := `{"external_id":"` + strings.Repeat("x", 256) + `"}`
	return append(invalidPosts(nil,
		[4]string{"an external id with a space", "/accounts", `{"external_id":"a b"}`, "/external_id"},
		[4]string{"no external id", "/accounts", `{}`, "/external_id"},
		[4]string{"an external id that is too long", "/accounts", long, "/external_id"},
		[4]string{"an email", "/accounts", `{"external_id":"a","email":"ada@example.com"}`, ""},
	), refusal{"a search for nothing", http.MethodGet, "/accounts", nil, nil, 400, "validation", "external_id"})
}

func badServiceKeys() []refusal {
	const keys = "/admin/keys"
	const ended = `{"name":"n","scopes":["read"],"expires_at":"2020-01-01T00:00:00Z"}`
	const late = `{"name":"n","scopes":["read"],"expires_at":"9999-12-31T23:59:59-05:00"}`
	long := `{"name":"` + strings.Repeat("ö", 101) + `","scopes":["read"]}`
	return invalidPosts(nil,
		[4]string{"a key without a scope", keys, `{"name":"n","scopes":[]}`, "/scopes"},
		[4]string{"a key with an unknown scope", keys, `{"name":"n","scopes":["root"]}`, "/scopes/0"},
		[4]string{"a key with a scope twice", keys, `{"name":"n","scopes":["read","read"]}`, "/scopes"},
		[4]string{"a key without a name", keys, `{"name":" ","scopes":["read"]}`, "/name"},
		[4]string{"a key that has ended", keys, ended, "/expires_at"},
		[4]string{"a key until the year 10000", keys, late, "/expires_at"},
		[4]string{"a key with a name of 101 letters", keys, long, "/name"},
	)
}

func wrongCredentials(path string) []refusal {
	none := []string{"Authorization", "-", "Authorization", "Bearer psk_1"}
	return []refusal{
		{"a secret that is none", http.MethodGet, path, nil, none, 401, "unauthorized", ""},
		{"no secret", http.MethodGet, path, nil, none[:2], 401, "unauthorized", ""},
		{"a key at a user's address", http.MethodGet, "/points", nil, nil, 401, "unauthorized", ""},
	}
}

func nobodysAccount(path string) []refusal {
	const nobody = "/accounts/acc_01jd0000000000000000000000"
	key := []string{"Idempotency-Key", "k"}
	return []refusal{
		{"a spend of nobody", http.MethodPost, nobody + "/spends", `{"amount":1}`, key, 404, "not-found", ""},
		{"a hold for nobody", http.MethodPost, nobody + "/holds", `{"amount":1}`, key, 404, "not-found", ""},
		{
			"a capture for nobody", http.MethodPost, nobody + "/holds/hld_01jd0000000000000000000000/capture", `{}`,
			key, 404, "not-found", "",
		},
		{"entries of nobody", http.MethodGet, nobody + "/entries", nil, nil, 404, "not-found", ""},
		{"points of nobody", http.MethodGet, nobody + "/points", nil, nil, 404, "not-found", ""},
		{"nobody", http.MethodGet, nobody, nil, nil, 404, "not-found", ""},
		{
			"a hold of nobody", http.MethodGet, path + "/holds/hld_01jd0000000000000000000000", nil, nil, 404,
			"not-found", "",
		},
	}
}

// TestScopesOfOperations proves that each operation has the scope that docs/services.md says, and that an operation of
// users has none. TestScopes proves that the server keeps to what the contract says.
func TestScopesOfOperations(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"spendFor": "spend", "holdFor": "hold", "captureFor": "hold", "releaseFor": "hold", "grantFor": "grant",
		"createAccount": "[spend hold grant]", "readHold": "[read hold]", "readSpend": "[read spend]",
		"findAccount": "read", "readAccount": "read", "readPoints": "read", "readSubscription": "read",
		"readEntries": "read",
	}
	s, err := openSpec()
	must(t, err)
	for path, item := range s.doc.Paths.Map() {
		for _, op := range item.Operations() {
			scope := want[op.OperationID]
			if strings.HasPrefix(path, "/admin/") {
				scope = "admin"
			}
			got := ""
			if x := op.Extensions["x-scope"]; x != nil {
				got = fmt.Sprint(x)
			}
			if got != scope {
				t.Errorf("%s has the scope %q, want %q", op.OperationID, got, scope)
			}
			delete(want, op.OperationID)
		}
	}
	if len(want) > 0 {
		t.Errorf("the contract has no operation %v", want)
	}
}
