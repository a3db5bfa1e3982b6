package simtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

var loadFor = flag.Duration("load-for", 2*time.Second, "how long each part of the load of logins lasts")

const (
	loadSpenders = 20 // accounts that spend, once a second each
	loadGuessers = 200
	loadHonest   = 20 // accounts that log in, each time from an address that was never used
	honestEvery  = 500 * time.Millisecond

	// What must hold, with guessers as without.
	loadSlower = 3 // times as slow as without
	loadLogin  = 2 * time.Second
	loadMemory = 200 << 20
)

// BenchmarkLoginLoad shows what guessing passwords costs others. It measures one server, which is a process of its own,
// on PostgreSQL. Parts without guessers and parts with them take turns, because the machine may do other things too. It
// fails if spends become more than 3 times as slow (the 99th percentile), if a login takes more than 2 s, or if the
// server takes more than 200 MiB.
func BenchmarkLoginLoad(b *testing.B) {
	l := newLoginLoad(b)
	for b.Loop() {
		quiet, worst := &part{}, &part{}
		var table strings.Builder
		for _, addresses := range []int{0, loadGuessers, 0, 4, 0} {
			p := l.run(addresses)
			fmt.Fprintf(&table, "\n%s", p)
			if addresses == 0 {
				quiet.spends = append(quiet.spends, p.spends...)
				continue
			}
			worst.spends = append(worst.spends, p.spends...)
			worst.logins = append(worst.logins, p.logins...)
			worst.memory = max(worst.memory, p.memory)
		}
		b.Logf("%d spends a second, %d guessers, %s each part:%s", loadSpenders, loadGuessers, *loadFor, &table)
		before, with := percentile(quiet.spends, 99), percentile(worst.spends, 99)
		if with > loadSlower*before {
			b.Errorf("p99 of spends: %s with guessers, %s without", with, before)
		}
		if slowest := percentile(worst.logins, 100); slowest > loadLogin {
			b.Errorf("the slowest login took %s", slowest)
		}
		if worst.memory > loadMemory {
			b.Errorf("the server took %d MiB", worst.memory>>20)
		}
	}
}

// part is what was measured while a number of addresses guessed.
type part struct {
	addresses int

	mu               sync.Mutex
	spends, logins   []time.Duration
	checked, refused int    // guesses
	memory           uint64 // of the server, the most that was seen
}

func (p *part) String() string {
	return fmt.Sprintf(
		"%3d addresses: spends %d, p50 %s, p99 %s; logins %d, p50 %s, slowest %s; guesses: checked %d, refused %d; "+
			"%d MiB",
		p.addresses, len(p.spends), percentile(p.spends, 50), percentile(p.spends, 99),
		len(p.logins), percentile(p.logins, 50), percentile(p.logins, 100), p.checked, p.refused, p.memory>>20,
	)
}

func (p *part) add(to *[]time.Duration, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*to = append(*to, took)
}

func percentile(all []time.Duration, n int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)*n/100, len(sorted)-1)].Round(100 * time.Microsecond)
}

// loginLoad is one server, and accounts that are ready.
type loginLoad struct {
	b      *testing.B
	server *server
	tokens []string // of the accounts that spend
	round  int      // so that each part guesses from new addresses
}

func newLoginLoad(b *testing.B) *loginLoad {
	b.Helper()
	databaseURL := storetest.URL(b, store.Postgres)
	w := newShop(b, size{}, store.Postgres, databaseURL)
	w.open(databaseURL, 1, "POINTSYNC_UNTHROTTLED=false", "POINTSYNC_TRUSTED_PROXIES=127.0.0.1", "GOGC=100")
	l := &loginLoad{b: b, server: w.servers[0]}
	for i := range loadSpenders + loadHonest {
		body := map[string]any{"email": email(i), "password": password}
		a := l.ask(fmt.Sprint("192.0.2.", i), "/auth/register", "", body)
		if a.status != http.StatusCreated {
			b.Fatalf("registering: %s", a)
		}
		if i < loadSpenders {
			l.tokens = append(l.tokens, a.text("token"))
			w.must(w.db.InTx(w.ctx, func(tx *store.Tx) error {
				account, err := tx.LockAccount(w.ctx, billing.AccountID(a.text("user.id")))
				if err != nil {
					return err
				}
				_, _, err = ledger.Grant(
					w.ctx, tx, account, billing.Grant{Key: "load", Source: "load", Amount: 1 << 30},
				)
				return err
			}))
		}
	}
	return l
}

func email(i int) string { return fmt.Sprintf("user%d@example.com", i) }

// run measures one part.
func (l *loginLoad) run(addresses int) *part {
	l.round++
	p := &part{addresses: addresses}
	end := time.After(*loadFor)
	stop := make(chan struct{})
	var all sync.WaitGroup
	if addresses > 0 {
		for i := range loadGuessers {
			from := fmt.Sprintf("10.%d.0.%d", l.round, i%addresses)
			all.Go(func() { l.guess(p, from, stop) })
		}
	}
	spend, login := time.NewTicker(time.Second/loadSpenders), time.NewTicker(honestEvery)
	look := time.NewTicker(time.Second)
	defer spend.Stop()
	defer login.Stop()
	defer look.Stop()
	for n := 0; ; n++ {
		select {
		case <-end:
			close(stop)
			all.Wait()
			return p
		case <-look.C:
			p.memory = max(p.memory, l.server.memory())
		case <-login.C:
			all.Go(func() { l.logIn(p, n) })
		case <-spend.C: // whether or not the earlier ones have replies
			all.Go(func() { l.spend(p, n%loadSpenders) })
		}
	}
}

func (l *loginLoad) spend(p *part, i int) {
	begin := time.Now()
	a := l.ask("192.0.2.1", "/points/spend", l.tokens[i], map[string]any{"amount": 1})
	p.add(&p.spends, time.Since(begin))
	if a.status != http.StatusOK {
		l.b.Errorf("a spend: %s", a)
	}
}

// logIn logs in from a new address, and repeats a refused login when it may.
func (l *loginLoad) logIn(p *part, n int) {
	begin := time.Now()
	from := fmt.Sprintf("172.%d.%d.%d", l.round, n/250, n%250)
	for {
		a := l.ask(from, "/auth/login", "", map[string]any{
			"email": email(loadSpenders + n%loadHonest), "password": password,
		})
		switch a.status {
		case http.StatusOK:
			p.add(&p.logins, time.Since(begin))
			return
		case http.StatusTooManyRequests:
			<-time.After(time.Second) // as Retry-After says
		default:
			l.b.Errorf("a login: %s", a)
			return
		}
	}
}

// guess tries wrong passwords, for accounts that exist and others, without a pause.
func (l *loginLoad) guess(p *part, from string, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		who := email(rand.IntN(loadSpenders))
		if rand.IntN(2) == 0 {
			who = fmt.Sprintf("nobody%d@example.com", rand.IntN(1000))
		}
		a := l.ask(from, "/auth/login", "", map[string]any{"email": who, "password": "not the password"})
		p.mu.Lock()
		switch a.status {
		case http.StatusUnauthorized:
			p.checked++
		case http.StatusTooManyRequests:
			p.refused++
		default:
			l.b.Errorf("a guess: %s", a)
		}
		p.mu.Unlock()
	}
}
