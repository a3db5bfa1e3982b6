package simtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/catalog"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

// world is one simulation: the servers, the local Stripe, the database, the wires between them, and the users.
type world struct {
	t       testing.TB
	ctx     context.Context
	size    size
	again   string // the command that repeats the run
	dialect store.Dialect
	catalog *catalog.Catalog
	http    *http.Client
	// dashboard is the client for those who act at Stripe itself.
	dashboard *http.Client

	answerWithin time.Duration // how long clients wait for a reply, if that is longer than usual

	stripe   string // the sandbox's address
	db       *store.DB
	api      *wire // between clients and servers, and between Stripe and servers
	toStripe *wire // between servers and Stripe; nil without wires
	database *wire // between servers and PostgreSQL; nil without wires, and on SQLite
	env      []string
	servers  []*server // the second one runs at times, and only on PostgreSQL
	users    []*user
	admin    *user     // gives points and takes them away
	endpoint *endpoint // the operator's endpoint, if there is one

	shelf       string      // where the servers read the catalogue
	changed     atomic.Bool // whether the operator changed it
	steady      bool        // users may not move the clock
	foreignOnce sync.Once
	foreign     string // a price that is not ours

	keys   atomic.Int64
	lost   atomic.Bool  // whether webhooks were lost: then only a reconcile can find what they reported
	failed atomic.Int64 // tries of clients that had no definite reply
	away   atomic.Int64 // those of them that got a 503

	mu         sync.Mutex
	notes      map[int][]note // the last notes of each user, and of the world
	noted      int
	did        map[string]int // how often users did each verb
	violations []violation
	struck     map[string]int64 // how often faults of each kind have struck
	current    string           // the current wave
}

// debitHours is how long banks take over a debit: longer than any grace, except the grace of a failed payment.
const debitHours = 30

// applicationName distinguishes the servers' connections to PostgreSQL from the test's own.
const applicationName = "pointsync"

var shownSecret = regexp.MustCompile(`STRIPE_WEBHOOK_SECRET=(whsec_\S+)`)

// newWorld makes everything and starts the first server. The servers follow the sandbox's clock. Without wires they
// reach Stripe and PostgreSQL directly, which costs half as much.
func newWorld(t testing.TB, s size, dialect store.Dialect, wires bool) *world {
	t.Helper()
	databaseURL := storetest.URL(t, dialect)
	w := newShop(t, s, dialect, databaseURL)
	w.must(rememberHistory(w.ctx, w.db))
	if wires {
		w.toStripe = newWire(t, strings.TrimPrefix(w.stripe, "http://"))
	}
	if dialect == store.Postgres {
		u, err := url.Parse(databaseURL)
		w.must(err)
		if wires {
			w.database = newWire(t, u.Host)
			u.Host = w.database.addr()
		}
		query := u.Query()
		query.Set("application_name", applicationName)
		u.RawQuery = query.Encode()
		databaseURL = u.String()
	}
	w.open(databaseURL, 2)
	return w
}

// newShop makes everything except the servers, on a migrated database: the local Stripe, the test's own access to the
// database, and the users.
func newShop(t testing.TB, s size, dialect store.Dialect, databaseURL string) *world {
	t.Helper()
	t = kept{t, &ofRun}
	w := &world{t: t, ctx: t.Context(), size: s, dialect: dialect, struck: map[string]int64{}, did: map[string]int{},
		http: &http.Client{
			Transport: &http.Transport{DisableKeepAlives: true}, // one connection for each try, without hidden retries
		}, dashboard: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, notes: map[int][]note{}}
	local, err := sandbox.New(sandbox.Options{Couriers: couriers})
	w.must(err)
	server := httptest.NewServer(local.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); w.must(local.Close()) })
	w.stripe = server.URL
	status, _ := w.control(w.ctx, "POST", "settings", map[string]any{"debit_hours": debitHours, "bank_debit": true})
	w.note(-1, "pages offer bank debits, which take %d hours: %d", debitHours, status)
	w.catalog, err = catalog.Load("testdata/catalog.yaml")
	w.must(err)

	w.db = storetest.OpenURL(t, databaseURL, w.now)
	outbox.Attach(w.db, lowPoints)
	w.admin = &user{w: w, number: len(w.users) + s.users, email: adminEmail}
	for n := range s.users {
		w.users = append(w.users, &user{w: w, number: n, email: fmt.Sprintf("user%d@example.com", n)})
	}
	return w
}

// open sets Stripe up as an operator does, makes servers with the same settings, and starts the first one.
func (w *world) open(databaseURL string, servers int, more ...string) {
	w.t.Helper()
	w.api = newWire(w.t)
	stripe := w.stripe
	if w.toStripe != nil {
		stripe = "http://" + w.toStripe.addr()
	}
	w.env = []string{
		"DATABASE_URL=" + databaseURL, "STRIPE_SECRET_KEY=" + sandboxtest.Key, "STRIPE_API_BASE=" + stripe,
		"POINTSYNC_CLOCK_URL=" + w.stripe + "/_sandbox/clock", "POINTSYNC_CATALOG=" + w.stock(),
		"GOGC=400", "POINTSYNC_SIGNING_KEYS=" + token.GenerateKey("sim"),
		"POINTSYNC_ALLOWED_ORIGINS=https://app.example.com",
		"POINTSYNC_UNTHROTTLED=true", // all users have one address
		"POINTSYNC_ALLOW_LOCAL_WEBHOOKS=true", fmt.Sprintf("POINTSYNC_LOW_POINTS=%d", lowPoints),
		"POINTSYNC_TOP_UP_COOL_OFF=" + topUpCoolOff.String(),
	}
	if w.size.seed%2 == 0 { // otherwise it is the default, so that most of what was lost stays lost until the end
		w.env = append(w.env, "POINTSYNC_BACKFILL_INTERVAL=3s")
	}
	said, err := w.command("stripe", "setup", "--webhook-url", "http://"+w.api.addr()+"/webhook")
	w.must(err)
	secret := shownSecret.FindStringSubmatch(said)
	if secret == nil {
		w.t.Fatalf("setup shows no secret:\n%s", said)
	}
	w.env = append(w.env, "STRIPE_WEBHOOK_SECRET="+secret[1])
	w.env = append(w.env, more...)
	for range servers {
		w.servers = append(w.servers, newServer(w.t, w.env))
	}
	w.api.setTargets([]string{w.servers[0].addr})
	w.must(w.servers[0].start())
}

// command runs one of the program's commands to its end.
func (w *world) command(args ...string) (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(w.ctx, path, args...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("pointsync %v: %w\n%s", args, err, out)
	}
	return string(out), err
}

// now returns the sandbox's clock, for what the test itself does in the database.
func (w *world) now() time.Time {
	_, o := w.control(context.Background(), "GET", "clock", nil)
	now, err := time.Parse(time.RFC3339Nano, o.text("now"))
	if err != nil {
		w.t.Errorf("the sandbox's clock does not answer: %v", err)
		return time.Now()
	}
	return now
}

// targets returns the addresses that requests go to.
func (w *world) targets() []string {
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	return slices.Clone(w.api.targets)
}

// running returns the servers that should run.
func (w *world) running() []*server {
	targets := w.targets()
	var found []*server
	for _, s := range w.servers {
		if slices.Contains(targets, s.addr) {
			found = append(found, s)
		}
	}
	return found
}

func (w *world) newKey(what string) string { return fmt.Sprintf("%s-%d", what, w.keys.Add(1)) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// note is something that happened, for the story that a failure tells. The last few of each user are kept.
type note struct {
	number int
	text   string
}

// note records a note about a user, or about all if user is -1.
func (w *world) note(user int, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noted++
	kept := append(w.notes[user], note{w.noted, fmt.Sprintf("%s: ", w.current) + fmt.Sprintf(format, args...)})
	w.notes[user] = kept[max(0, len(kept)-maxTold):]
}

// violation is a broken rule.
type violation struct {
	user *user // nil if it concerns all
	text string
}

func (w *world) violate(u *user, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, violation{u, fmt.Sprintf(format, args...)})
}

func (w *world) broken() []violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}
