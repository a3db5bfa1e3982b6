package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// deliveryTimeout is how long an endpoint may take to respond, in real time.
const deliveryTimeout = 10 * time.Second

// couriers deliver events. By default each endpoint has one goroutine, which sends one event after the other. So a
// receiver sees them nearly in causal order. An option allows more goroutines. They hold the world's lock only to take
// a parcel and to record the result.
type couriers struct {
	each   int                      // per endpoint
	bells  map[string]chan struct{} // by endpoint; guarded by Sandbox.mu
	flying int                      // parcels being sent; guarded by Sandbox.mu
	landed chan struct{}            // closed and replaced whenever an attempt ends; guarded by Sandbox.mu
	tally  tally                    // guarded by Sandbox.mu
	client *http.Client
	log    []*deliveryAttempt // the last attempts, oldest first; guarded by Sandbox.mu
}

// tally counts attempts since the sandbox started.
type tally struct {
	Tried     int64 `json:"tried"`
	Delivered int64 `json:"delivered"`
}

func newCouriers(each int) *couriers {
	each = max(each, 1)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = each
	return &couriers{
		each:   each,
		bells:  map[string]chan struct{}{},
		landed: make(chan struct{}),
		client: &http.Client{
			Transport:     transport,
			Timeout:       deliveryTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// ring wakes a courier of an endpoint. If the endpoint is new, it first starts its couriers. The caller holds the
// world's lock.
func (s *Sandbox) ring(endpointID string) {
	bell := s.couriers.bells[endpointID]
	if bell == nil {
		bell = make(chan struct{}, 1)
		s.couriers.bells[endpointID] = bell
		for range s.couriers.each {
			s.running.Go(func() { s.courier(endpointID, bell) })
		}
	}
	strike(bell)
}

func strike(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it was rung already
	}
}

func (s *Sandbox) courier(endpointID string, bell chan struct{}) {
	for {
		select {
		case <-s.stop.Done():
			return
		case <-bell:
		}
		for s.stop.Err() == nil && s.deliverNext(endpointID, bell) {
		}
	}
}

// deliverNext sends one due delivery and reports whether there was one. If another is due, it wakes another courier.
func (s *Sandbox) deliverNext(endpointID string, bell chan struct{}) bool {
	s.mu.Lock()
	next := s.world.nextParcel(endpointID)
	if next == nil {
		s.mu.Unlock()
		return false
	}
	s.couriers.flying++
	if s.world.mailbag(endpointID).next(s.world) != nil {
		strike(bell)
	}
	s.mu.Unlock()
	next.seal()
	began := time.Now()
	status, problem := s.send(next)
	if status == 0 {
		s.catchBreath()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop.Err() == nil { // an attempt that Close interrupted does not count
		s.world.settle(next.delivery, problem == "")
		s.record(next, status, problem, time.Since(began))
	}
	s.couriers.flying--
	close(s.couriers.landed)
	s.couriers.landed = make(chan struct{})
	s.changed()
	return true
}

// breath is how long a courier rests, in real time, if there was no response. Without it, an endpoint that restarts
// would use up the first attempt of every waiting event.
const breath = 50 * time.Millisecond

func (s *Sandbox) catchBreath() {
	select {
	case <-time.After(breath):
	case <-s.stop.Done():
	}
}

// send returns the endpoint's HTTP status (0: none) and the problem ("": none).
func (s *Sandbox) send(p *parcel) (status int, problem string) {
	request, err := http.NewRequestWithContext(s.stop, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	request.Header.Set("Stripe-Signature", p.signature)
	response, err := s.couriers.client.Do(request)
	if err != nil {
		s.log.Info("a webhook was not delivered", "url", p.url, "error", err)
		return 0, err.Error()
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // so that the connection can be reused
	if response.StatusCode/100 != 2 {
		s.log.Info("a webhook was refused", "url", p.url, "status", response.StatusCode)
		return response.StatusCode, "The endpoint answered " + response.Status + "."
	}
	return response.StatusCode, ""
}

// flush waits until no delivery is being sent or due. It reports false if the context ends first.
func (s *Sandbox) flush(ctx context.Context) bool {
	for {
		s.mu.Lock()
		s.world.runDue("", s.world.mainNow())
		idle, landed := s.idle(), s.couriers.landed
		s.mu.Unlock()
		if idle {
			return true
		}
		select {
		case <-landed:
		case <-ctx.Done():
			return false
		}
	}
}

// awaitFirstAttempt waits until an event was tried once at every endpoint that wants it.
func (s *Sandbox) awaitFirstAttempt(ctx context.Context, eventID string) {
	for {
		s.mu.Lock()
		tried, landed := true, s.couriers.landed
		for _, id := range s.world.Deliveries.ids {
			if d := s.world.Deliveries.get(id); d.Event == eventID && d.Attempts == 0 {
				tried = false
			}
		}
		s.mu.Unlock()
		if tried {
			return
		}
		select {
		case <-landed:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Sandbox) idle() bool {
	if s.couriers.flying > 0 {
		return false
	}
	for _, bag := range s.world.mailbags {
		if bag.next(s.world) != nil {
			return false
		}
	}
	return true
}
