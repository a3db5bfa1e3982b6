package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options configure a new sandbox.
type Options struct {
	// DataDir keeps the state across restarts; "" keeps it in memory.
	DataDir string
	Logger  *slog.Logger
	// Start is the first time that the clock shows; it runs on from there. Zero means the real time.
	Start time.Time
	// RetrySchedule is how long to wait before each retry of a failed renewal. Nil takes the snapshot's schedule, or 3,
	// 5 and 7 days if there is none.
	RetrySchedule []time.Duration
	// AfterLastRetry is what a subscription becomes when the last retry fails: cancel, unpaid, or past_due (no change).
	// "" takes the snapshot's value, or cancel if there is none.
	AfterLastRetry string
	// Couriers is how many deliveries to one endpoint may be under way at once, as at Stripe. Zero means one, and the
	// endpoint then sees events nearly in causal order.
	Couriers int
}

// Sandbox is a local Stripe.
type Sandbox struct {
	mu       sync.Mutex // guards world, couriers' maps and dirty; held briefly, never during HTTP
	world    *world
	couriers *couriers
	dirty    chan struct{} // signals changes that the snapshot does not have
	path     string        // of the snapshot, "" for none
	log      *slog.Logger
	stop     context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	streams  streams
	said     sayings // guarded by mu
	flights  flights
}

// tick is how often the sandbox looks for due work while no request comes in.
const tick = 250 * time.Millisecond

// New starts a sandbox. Call Close to stop it.
func New(opts Options) (*Sandbox, error) {
	if opts.AfterLastRetry != "" && !slices.Contains(afterLastRetry, opts.AfterLastRetry) {
		return nil, fmt.Errorf("AfterLastRetry is %q, and must be cancel, unpaid, or past_due", opts.AfterLastRetry)
	}
	s := &Sandbox{
		couriers: newCouriers(opts.Couriers),
		dirty:    make(chan struct{}, 1),
		log:      opts.Logger,
		flights:  flights{keys: map[string]bool{}},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.world = &world{
		realNow: time.Now,
		ring:    s.ring,
		tell:    s.streams.tell,
		agendas: map[string]*agenda{},
		Replays: map[string]*replay{},
	}
	if !opts.Start.IsZero() {
		s.world.ClockOffset = time.Until(opts.Start)
	}
	if err := s.load(opts.DataDir); err != nil {
		s.cancel()
		return nil, err
	}
	s.mu.Lock()
	s.world.Settings.adopt(opts)
	s.world.ensureAccount()
	s.world.ensurePortalConfiguration()
	s.world.planAll()
	for _, id := range s.world.Endpoints.ids {
		s.ring(id)
	}
	s.mu.Unlock()
	s.running.Go(s.keepTime)
	s.running.Go(s.keepSnapshot)
	return s, nil
}

// Handler returns the handler of the API, the hosted pages and the sandbox's own controls.
func (s *Sandbox) Handler() http.Handler { return s.routes() }

// Close stops the deliveries and saves the snapshot.
func (s *Sandbox) Close() error {
	s.cancel()
	s.running.Wait()
	return s.save()
}

// keepTime does due work as real time passes.
func (s *Sandbox) keepTime() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		before := s.world.Sequence
		s.world.runDue("", s.world.mainNow())
		if s.world.Sequence != before {
			s.changed()
		}
		s.mu.Unlock()
	}
}

// changed marks the state as newer than its snapshot.
func (s *Sandbox) changed() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}
