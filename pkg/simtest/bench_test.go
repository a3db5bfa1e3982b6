package simtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

var (
	benchRounds = flag.Int("rounds", 5, "how often each part of the benchmark of spends is measured")
	roundFor    = flag.Duration("round-for", 5*time.Second, "how long each measurement takes, in whole seconds")
	only        = flag.String("only", "", "measure only the parts whose names contain this")
)

// BenchmarkHotPath measures spends as their clients see them: over HTTP, with the fresh token of each response. Between
// them it measures pgbench with one statement for each spend, on the same database, and a textbook transaction of
// GORM. All parts take turns, because the machine may do other things too; compare ratios. docs/performance.md has
// the results.
func BenchmarkHotPath(b *testing.B) {
	p := newHotPath(b)
	for b.Loop() {
		for range *benchRounds {
			for i := range p.cells {
				p.cells[i].measure(b, p)
			}
		}
		// Not by b.Logf, which keeps no more than ten lines.
		fmt.Printf("\n%d rounds, %s each part:\n%s\n", *benchRounds, *roundFor, p.table())
	}
}

// sample is what one measurement found.
type sample struct {
	latencies []time.Duration
	took      time.Duration
	goCPU     time.Duration // of the server
	sqlCPU    time.Duration // of PostgreSQL
}

func (s sample) perSecond() float64 { return float64(len(s.latencies)) / s.took.Seconds() }

// cell is one part of the benchmark.
type cell struct {
	name    string
	than    string // the cell that it is compared with
	server  *server
	run     func(b *testing.B) sample
	samples []sample
}

func (c *cell) measure(b *testing.B, p *hotPath) {
	b.Helper()
	var before, after time.Duration
	if c.server != nil {
		_, before = processTimes(c.server.cmd.Process.Pid)
	}
	sql := cpuOfFamily(p.postgres)
	s := c.run(b)
	s.sqlCPU = cpuOfFamily(p.postgres) - sql
	if c.server != nil {
		_, after = processTimes(c.server.cmd.Process.Pid)
	}
	s.goCPU = after - before
	c.samples = append(c.samples, s)
}

// hotPath is two servers, one on each database, and what is measured on them.
type hotPath struct {
	onPostgres, onSQLite *server
	secret               string // that signs webhooks
	url                  string
	tokens               *token.Issuer
	postgres             int // process
	cells                []*cell
}

func newHotPath(b *testing.B) *hotPath {
	b.Helper()
	p := &hotPath{url: storetest.URL(b, store.Postgres)}
	signing := token.GenerateKey("bench")
	keys, err := token.ParseKeys(signing)
	if err != nil {
		b.Fatal(err)
	}
	p.tokens = token.NewIssuer(keys, "pointsync", "pointsync", time.Now)
	serve := func(dialect store.Dialect, url string) *world {
		w := newShop(b, size{}, dialect, url)
		fill(b, w.db, time.Now())
		w.open(url, 1, "GOGC=100", "POINTSYNC_SIGNING_KEYS="+signing)
		// The simulation's clock is a server that is asked for the time. An operator's server has its own.
		s := w.servers[0]
		s.kill()
		s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "POINTSYNC_CLOCK_URL=") })
		w.must(s.start())
		return w
	}
	w := serve(store.Postgres, p.url)
	p.onPostgres, p.postgres = w.servers[0], serverProcess(b, w.db)
	for _, setting := range w.env {
		if secret, ok := strings.CutPrefix(setting, "STRIPE_WEBHOOK_SECRET="); ok {
			p.secret = secret
		}
	}
	p.onSQLite = serve(store.SQLite, storetest.URL(b, store.SQLite)).servers[0]
	textbook := openTextbook(b, p.url)
	bench := func(script string, conns int) func(*testing.B) sample {
		return func(b *testing.B) sample { return pgbench(b, p.url, script, conns, *roundFor) }
	}
	p.add("pgbench 1", "", nil, bench(fmt.Sprintf(pgbenchSpend, benchAccounts), 1))
	p.add("spend 1", "pgbench 1", p.onPostgres, p.spends(p.onPostgres, 1, benchAccounts))
	p.add("pgbench 8", "", nil, bench(fmt.Sprintf(pgbenchSpend, benchAccounts), 8))
	p.add("spend 8", "pgbench 8", p.onPostgres, p.spends(p.onPostgres, 8, benchAccounts))
	p.add("pgbench 64", "", nil, bench(fmt.Sprintf(pgbenchSpend, benchAccounts), 64))
	p.add("spend 64", "pgbench 64", p.onPostgres, p.spends(p.onPostgres, 64, benchAccounts))
	p.add("textbook 64", "pgbench 64", nil, func(b *testing.B) sample {
		return together(b, 64, func(int) func() error {
			return func() error { return textbookSpend(textbook, benchAccount(rand.IntN(benchAccounts))) }
		})
	})
	p.add("pgbench 64, one account", "", nil, bench(fmt.Sprintf(pgbenchSpend, 1), 64))
	p.add("spend 64, one account", "pgbench 64, one account", p.onPostgres, p.spends(p.onPostgres, 64, 1))
	p.add("spend 1, SQLite", "", p.onSQLite, p.spends(p.onSQLite, 1, benchAccounts))
	p.add("spend 64, SQLite", "spend 1, SQLite", p.onSQLite, p.spends(p.onSQLite, 64, benchAccounts))
	p.add("pgbench event 64", "", nil, bench(pgbenchEvent, 64))
	p.add("webhook 64", "pgbench event 64", p.onPostgres, p.webhooks)
	return p
}

func (p *hotPath) add(name, than string, s *server, run func(*testing.B) sample) {
	if strings.Contains(name, *only) {
		p.cells = append(p.cells, &cell{name: name, than: than, server: s, run: run})
	}
}

func benchAccount(i int) string { return fmt.Sprint("acc_bench", 1+i) }

// spends returns a measurement of spends on connections that each belong to a few of the accounts. Before the first
// round, each of them spends once: as most tokens of clients, theirs then come from a response.
func (p *hotPath) spends(s *server, conns, accounts int) func(*testing.B) sample {
	own := make([][]*spender, conns)
	return func(b *testing.B) sample {
		if own[0] == nil {
			var all sync.WaitGroup
			for n := range own {
				client := newBenchClient(b, s.addr)
				b.Cleanup(func() { _ = client.conn.Close() })
				for range max(1, min(accounts/conns, 100)) {
					own[n] = append(own[n], p.spender(b, client, rand.IntN(accounts)))
				}
				all.Go(func() {
					for _, one := range own[n] {
						if err := one.spend(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		}
		return together(b, conns, func(n int) func() error {
			turn := 0
			return func() error { turn++; return own[n][turn%len(own[n])].spend() }
		})
	}
}

func (p *hotPath) spender(b *testing.B, client *benchClient, i int) *spender {
	now := time.Now()
	raw, _, err := p.tokens.Mint(billing.Account{
		ID: billing.AccountID(benchAccount(i)), Version: 2,
		Subscription: &billing.Subscription{
			Plan: "pro", Status: billing.SubActive,
			Window: &billing.Window{From: now.Add(-time.Hour), Until: now.Add(time.Hour)},
		},
	}, billing.SessionID(fmt.Sprint("ses_bench", 1+i)))
	if err != nil {
		b.Fatal(err)
	}
	return &spender{benchClient: client, token: raw, name: fmt.Sprint(rand.Uint64())}
}

// webhooks measures signed events of customers whom the server does not know.
func (p *hotPath) webhooks(b *testing.B) sample {
	return together(b, 64, func(int) func() error {
		client := newBenchClient(b, p.onPostgres.addr)
		b.Cleanup(func() { _ = client.conn.Close() })
		return func() error {
			now := time.Now().Unix()
			id := rand.Uint64()
			body := fmt.Sprintf(`{"id":"evt_%d","object":"event","type":"customer.updated","api_version":"2023-10-16",`+
				`"created":%d,"livemode":false,"data":{"object":{"id":"cus_%d","object":"customer"}}}`, id, now, id)
			mac := hmac.New(sha256.New, []byte(p.secret))
			fmt.Fprintf(mac, "%d.%s", now, body)
			signature := fmt.Sprintf("t=%d,v1=%s", now, hex.EncodeToString(mac.Sum(nil)))
			_, err := client.post("/webhook", "Stripe-Signature", signature, "", body)
			return err
		}
	})
}

// together runs what make returns on as many goroutines as there are connections, one call after another.
func together(b *testing.B, conns int, make func(n int) func() error) (s sample) {
	b.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	work := []func() error{}
	for n := range conns {
		work = append(work, make(n))
	}
	begin := time.Now()
	for _, do := range work {
		all.Go(func() {
			var own []time.Duration
			for last := begin; last.Sub(begin) < *roundFor; {
				if err := do(); err != nil {
					b.Error(err)
					break
				}
				now := time.Now()
				own = append(own, now.Sub(last))
				last = now
			}
			mu.Lock()
			s.latencies = append(s.latencies, own...)
			mu.Unlock()
		})
	}
	all.Wait()
	s.took = time.Since(begin)
	return s
}

// table prints the median of each cell, the lowest and the highest round, and the ratio to the cell that it is compared
// with, round by round.
func (p *hotPath) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| part | per second | lowest to highest | p50 | p99 "+
		"| ratio | p50 ratio | Go µs | PostgreSQL µs |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range p.cells {
		rate := valuesOf(c.samples, sample.perSecond)
		fmt.Fprintf(&out, "| %s | %.0f | %.0f to %.0f | %s | %s ",
			c.name, median(rate), slices.Min(rate), slices.Max(rate),
			micros(median(valuesOf(c.samples, quantile(50)))), micros(median(valuesOf(c.samples, quantile(99)))))
		i := slices.IndexFunc(p.cells, func(o *cell) bool { return o.name == c.than })
		if i < 0 {
			out.WriteString("| | ")
		} else {
			var ratios, slower []float64
			for n, s := range c.samples {
				base := p.cells[i].samples[n]
				ratios = append(ratios, s.perSecond()/base.perSecond())
				slower = append(slower, quantile(50)(s)/quantile(50)(base))
			}
			fmt.Fprintf(&out, "| %.2f (%.2f to %.2f) | %.2f ",
				median(ratios), slices.Min(ratios), slices.Max(ratios), median(slower))
		}
		fmt.Fprintf(&out, "| %.0f | %.0f |\n",
			median(valuesOf(c.samples, func(s sample) float64 { return each(s, s.goCPU) })),
			median(valuesOf(c.samples, func(s sample) float64 { return each(s, s.sqlCPU) })))
	}
	fmt.Fprintf(&out, "memory of the servers: %d MiB on PostgreSQL, %d MiB on SQLite",
		p.onPostgres.memory()>>20, p.onSQLite.memory()>>20)
	return out.String()
}

func each(s sample, took time.Duration) float64 {
	return float64(took.Microseconds()) / float64(max(1, len(s.latencies)))
}

func quantile(n int) func(sample) float64 {
	return func(s sample) float64 {
		sorted := slices.Sorted(slices.Values(s.latencies))
		if len(sorted) == 0 {
			return 0
		}
		return float64(sorted[min(len(sorted)*n/100, len(sorted)-1)].Microseconds())
	}
}

func micros(n float64) string {
	return fmt.Sprintf("%.2f ms", n/1000)
}

func valuesOf(samples []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
