package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/pointsync/pointsync/pkg/audit"
)

// attack is one hostile request, and what response it must get.
//
// A word such as $ORDER is replaced by what the stage knows under that name; $ORDER is the id of the victim's order. A
// body is sent as JSON, unless the header says otherwise. want is the status and the code of the problem, which is the
// end of its type. Where the code is "-", the HTTP server itself refuses the bytes: they are no request that our code
// sees, so the response is no problem. Where there is only a status, the request is harmless: it is served as if the
// hostile part were not there.
type attack struct {
	name   string
	as     string // whose credential it has, as a word of the stage; anonymous for none
	line   string // the method and the address
	header string // further lines
	body   string
	want   string
}

// Whose credentials a request has.
const (
	anonymous = ""
	user      = "$USER"   // the attacker: a customer with 100 points who never bought anything
	admin     = "$ADMIN"  // an admin
	worker    = "$WORKER" // a service key with every scope but admin
)

// attacks is the table, by what is attacked.
var attacks = []struct {
	kind string
	list []attack
}{
	{"json", jsonAttacks},
	{"number", numberAttacks},
	{"text", textAttacks},
	{"type", typeAttacks},
	{"address", addressAttacks},
	{"header", headerAttacks},
	{"query", queryAttacks},
	{"wire", wireAttacks},
	{"token", tokenAttacks},
	{"object", objectAttacks},
	{"member", memberAttacks},
	{"redirect", redirectAttacks},
	{"endpoint", endpointAttacks},
	{"key", keyAttacks},
	{"webhook", webhookAttacks},
	{"origin", originAttacks},
}

// TestAttack proves of each request of the table, and of those that follow from the contract, that it gets the expected
// status and problem. No response tells anything about the victim, and none lets a foreign page read it. Afterwards the
// books are right, no row has come or gone, no account has changed, and the log has no fault of ours.
func TestAttack(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		s := newStage(t, w)
		before := s.rows(t)
		count := 0
		for _, part := range append(attacks, struct {
			kind string
			list []attack
		}{"forgery", s.forged(t)}) {
			t.Run(part.kind, func(t *testing.T) {
				for _, a := range part.list {
					s.meets(t, a)
				}
			})
			count += len(part.list)
		}
		if count < 200 {
			t.Errorf("the table has %d requests, want 200", count)
		}
		derived := s.fromContract(t)
		t.Run("contract", func(t *testing.T) {
			for _, a := range derived {
				s.meets(t, a)
			}
		})
		t.Logf("%d requests of the table, %d that follow from the contract", count, len(derived))
		s.isUnharmed(t, before)
	})
}

// meets sends one attack and checks the response.
func (s *stage) meets(t *testing.T, a attack) {
	t.Helper()
	sent, got, err := s.send(t, a)
	if err != nil {
		t.Errorf("%s: %v", a.name, err)
		return
	}
	fail := func(format string, args ...any) {
		said := fmt.Sprintf(format, args...)
		t.Errorf("%s: %.200s: %s: %d %.600s", a.name, s.say(t, a.line, a.body), said, got.status, got.raw)
	}
	status, code, isProblem := strings.Cut(a.want, " ")
	if fmt.Sprint(got.status) != status || isProblem && code != "-" && got.text("type") != "/problems/"+code {
		fail("want %s", a.want)
		return
	}
	if code == "-" {
		return
	}
	if sent == nil {
		fail("this is no request, and our code got it")
		return
	}
	if err := s.holds(sent, s.say(t, a.body, a.body), got); err != nil {
		fail("%v", err)
	}
	said := s.say(t, a.line+"\n"+a.header+"\n"+a.body, a.body)
	for name, secret := range s.private {
		if strings.Contains(string(got.raw), secret) && !strings.Contains(said, secret) {
			fail("it tells %s", name)
		}
	}
}

// holds checks what every response of ours has, hostile request or not.
func (s *stage) holds(sent *http.Request, body string, got answer) error {
	if _, err := holdAgainstContract(sent, body, got); err != nil {
		return err
	}
	if err := heldHeaders(sent, got.header); err != nil {
		return err
	}
	origin := sent.Header.Get("Origin")
	if origin != shopURL && got.header.Get("Access-Control-Allow-Origin") != "" {
		return fmt.Errorf("a page of %q may read it", origin)
	}
	return nil
}

// isUnharmed checks what the attacks left behind: nothing.
func (s *stage) isUnharmed(t *testing.T, before map[string]string) {
	t.Helper()
	after := s.rows(t)
	for table, was := range before {
		if after[table] != was {
			t.Errorf("a refused request had an effect on %s:\n%s\nbefore:\n%s", table, after[table], was)
		}
	}
	if faults := s.faults.String(); faults != "" {
		t.Errorf("told as faults of ours: %s", faults)
	}
	batch, err := audit.Next(t.Context(), s.w.db, "", audit.BatchSize)
	must(t, err)
	if batch.Accounts < 3 || len(batch.Violations) > 0 {
		t.Errorf("the books of %d accounts: %v", batch.Accounts, batch.Violations)
	}
}

// fromContract returns the attacks that follow from the contract for each operation. So an operation that is added is
// attacked at once.
func (s *stage) fromContract(t *testing.T) (list []attack) {
	t.Helper()
	spec, err := openSpec()
	must(t, err)
	for path, item := range spec.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if path == "/webhook" {
				continue // Stripe's, with an authentication of its own
			}
			o := target{name: op.OperationID, line: method + " " + s.fill(t, path), header: "Idempotency-Key: k\r\n"}
			if op.RequestBody != nil {
				media := op.RequestBody.Value.Content.Get("application/json")
				o.body, o.declared = exampleOf(t, media), media.Schema.Value.Properties
			}
			o.secured = op.Security == nil || len(*op.Security) > 0
			o.service, o.admin = strings.HasPrefix(path, "/accounts"), strings.HasPrefix(path, "/admin/")
			o.ofSomeone = strings.Contains(path, "_id}")
			list = append(list, o.attacks()...)
		}
	}
	if len(list) < 150 {
		t.Errorf("only %d attacks follow from the contract", len(list))
	}
	return list
}

// target is an operation of the contract, with the address of something of the victim's.
type target struct {
	name, line, header, body           string
	declared                           openapi3.Schemas // the members of its body
	secured, service, admin, ofSomeone bool
}

// extra are members that an attacker would like a request to have. No operation may take one that it does not declare.
var extra = map[string]string{
	"role": `"admin"`, "points": `1000000`, "price": `1`, "account_id": `"$VICTIM"`, "customer": `"cus_1"`,
	"available": `1000000`, "__proto__": `{"role":"admin"}`,
}

func (o target) attacks() (list []attack) {
	add := func(what, as, want string) {
		list = append(list, attack{o.name + " " + what, as, o.line, o.header, o.body, want})
	}
	if !o.secured {
		return append(list, o.stuffed(anonymous)...)
	}
	add("without a credential", anonymous, "401 unauthorized")
	switch {
	case o.admin:
		add("by a user", user, "404 not-found")
		add("by a key without the scope", worker, "403 forbidden")
		return append(list, o.stuffed(admin)...)
	case o.service:
		add("by a user", user, "403 forbidden")
		add("by an admin", admin, "403 forbidden")
		return append(list, o.stuffed(worker)...)
	}
	add("by a service key", worker, "401 unauthorized")
	if o.ofSomeone {
		add("of the victim", user, "404 not-found")
		add("of the victim, by an admin", admin, "404 not-found")
	}
	return append(list, o.stuffed(user)...)
}

// stuffed returns requests whose bodies have one more member each.
func (o target) stuffed(as string) (list []attack) {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		var members map[string]any
		if json.Unmarshal([]byte(o.body), &members) != nil || o.declared[name] != nil {
			continue // it takes no body, or this member
		}
		body := fmt.Sprintf(`{%q:%s,%s`, name, extra[name], strings.TrimPrefix(o.body, "{"))
		if len(members) == 0 {
			body = fmt.Sprintf(`{%q:%s}`, name, extra[name])
		}
		list = append(list, attack{o.name + " with " + name, as, o.line, o.header, body, "400 validation"})
	}
	return list
}
