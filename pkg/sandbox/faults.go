package sandbox

import (
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
)

// The kinds of faults that the sandbox can be told to have. The api ones strike API calls, the others deliveries of
// events.
const (
	faultRateLimit   = "api_rate_limit"   // 429, not executed; Stripe's SDKs do not retry it by themselves
	faultLockTimeout = "api_lock_timeout" // 429, not executed; Stripe's SDKs retry it
	faultError       = "api_error"        // 500
	faultTimeout     = "api_timeout"      // no response until the client gives up
	faultCutOff      = "api_cut_off"      // executed, half of the response, then the connection ends
	faultDrop        = "webhook_drop"     // never sent, but believed delivered
	faultDuplicate   = "webhook_duplicate"
	faultDelay       = "webhook_delay"
	faultReorder     = "webhook_reorder" // sent after the next event for the same endpoint
	faultBasil       = "webhook_basil"   // sent in the shape of API version 2025-03-31.basil
)

var (
	callFaults     = []string{faultRateLimit, faultLockTimeout, faultError, faultTimeout, faultCutOff}
	deliveryFaults = []string{faultDrop, faultDuplicate, faultDelay, faultReorder, faultBasil}
)

const (
	maxFaults      = 100
	defaultDelay   = 60    // seconds
	maxFaultStrike = 1e6   // for one fault with next
	maxFaultDelay  = 86400 // seconds: a day
)

// fault is one fault and what it strikes: the next N calls or deliveries that match, or a share of them.
type fault struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Of API faults: "POST /v1/customers/*", "/v1/prices"; empty: any call.
	Endpoint     string  `json:"endpoint,omitempty"`
	Events       string  `json:"events,omitempty"` // of webhook faults: "invoice.*"; empty: any event
	Next         int64   `json:"next,omitempty"`
	Share        float64 `json:"share,omitempty"`
	Seed         uint64  `json:"seed"`                    // decides which calls a share strikes
	DelaySeconds int64   `json:"delay_seconds,omitempty"` // on the sandbox's clock
	Executed     bool    `json:"executed,omitempty"`      // the call is executed although its response is lost
	Seen         int64   `json:"seen"`                    // how many matched so far
	Struck       int64   `json:"struck"`
}

func (f *fault) key() string { return f.ID }
func (f *fault) when() int64 { return 0 }

func (f *fault) spent() bool { return f.Next > 0 && f.Struck >= f.Next }

// strikes counts a call or delivery that matches and reports whether the fault strikes it. The same seed strikes the
// same ones, also across a restart.
func (f *fault) strikes() bool {
	if f.spent() {
		return false
	}
	f.Seen++
	if f.Share > 0 && rand.New(rand.NewPCG(f.Seed, uint64(f.Seen))).Float64() >= f.Share {
		return false
	}
	f.Struck++
	return true
}

func (f *fault) matchesCall(method, address string) bool {
	wanted, pattern, both := strings.Cut(f.Endpoint, " ")
	if !both {
		wanted, pattern = "", f.Endpoint
	}
	return (wanted == "" || wanted == method) && matches(pattern, address)
}

// matches reports whether a pattern fits. In it, * matches anything but a slash. An empty pattern always fits.
func matches(pattern, what string) bool {
	fits, _ := path.Match(pattern, what) // a bad pattern is refused when the fault is set
	return pattern == "" || fits
}

// strikeCall returns the first fault that strikes a call, or nil for none.
func (w *world) strikeCall(method, address string) *fault {
	for _, id := range w.Faults.ids {
		if f := w.Faults.get(id); slices.Contains(callFaults, f.Kind) && f.matchesCall(method, address) && f.strikes() {
			struck := *f // a copy, because it is read after the lock is released
			return &struck
		}
	}
	return nil
}

// strikeDelivery returns the first fault of a kind that strikes the delivery of an event, or nil for none.
func (w *world) strikeDelivery(kind, eventType string) *fault {
	for _, id := range w.Faults.ids {
		if f := w.Faults.get(id); f.Kind == kind && matches(f.Events, eventType) && f.strikes() {
			return f
		}
	}
	return nil
}

// check refuses values that make no sense together, and fills in the defaults.
func (f *fault) check() error {
	ofCall, ofDelivery := slices.Contains(callFaults, f.Kind), slices.Contains(deliveryFaults, f.Kind)
	_, badEndpoint := path.Match(f.Endpoint, "")
	_, badEvents := path.Match(f.Events, "")
	switch {
	case !ofCall && !ofDelivery:
		return invalid(
			"kind", "kind must be one of %s.", strings.Join(append(slices.Clone(callFaults), deliveryFaults...), ", "),
		)
	case f.ID != "" || f.Seen != 0 || f.Struck != 0:
		return invalid("id", "id, seen and struck are answered, not set.")
	case badEndpoint != nil || f.Endpoint != "" && !(ofCall && strings.Contains(f.Endpoint, "/v1/")):
		return invalid("endpoint", `endpoint belongs to API faults and looks like "POST /v1/customers/*".`)
	case badEvents != nil || f.Events != "" && !ofDelivery:
		return invalid("events", `events belongs to webhook faults and looks like "invoice.*".`)
	case f.Next < 0 || f.Next > maxFaultStrike || f.Share < 0 || f.Share > 1 || f.Next > 0 && f.Share > 0:
		return invalid("next", "Give either next, from 1 to 1000000, or share, from 0 to 1.")
	case f.DelaySeconds < 0 || f.DelaySeconds > maxFaultDelay ||
		f.DelaySeconds > 0 && f.Kind != faultDelay && f.Kind != faultReorder:
		return invalid(
			"delay_seconds", "delay_seconds belongs to webhook_delay and webhook_reorder and is a day at most.",
		)
	case f.Executed && f.Kind != faultError && f.Kind != faultTimeout:
		return invalid(
			"executed", "executed belongs to api_error and api_timeout; a call that is cut off is always executed.",
		)
	}
	if f.Next == 0 && f.Share == 0 {
		f.Next = 1
	}
	if f.DelaySeconds == 0 && (f.Kind == faultDelay || f.Kind == faultReorder) {
		f.DelaySeconds = defaultDelay
	}
	return nil
}

func (s *Sandbox) setFault(out http.ResponseWriter, r *http.Request) {
	made := &fault{}
	s.control(out, r, made, func(w *world) (any, error) {
		if err := made.check(); err != nil {
			return nil, err
		}
		for _, spent := range w.Faults.where((*fault).spent) {
			if len(w.Faults.ids) >= maxFaults {
				w.Faults.remove(spent.ID)
			}
		}
		if len(w.Faults.ids) >= maxFaults {
			return nil, invalid("", "There are %d faults already: clear some.", maxFaults)
		}
		made.ID = newID("fault_", 14)
		w.tell(notice{faults: true})
		return render(w.Faults.add(made)), nil
	})
}

func (s *Sandbox) listFaults(out http.ResponseWriter, r *http.Request) {
	s.control(out, r, nil, func(w *world) (any, error) {
		shown := []any{}
		for _, each := range w.Faults.where(nil) {
			shown = append(shown, render(each))
		}
		return map[string]any{"data": shown}, nil
	})
}

// clearFaults ends one fault. If the URL names none, it ends all of them.
func (s *Sandbox) clearFaults(out http.ResponseWriter, r *http.Request) {
	s.control(out, r, nil, func(w *world) (any, error) {
		id := r.PathValue("fault")
		if id != "" && w.Faults.get(id) == nil {
			return nil, noSuch("fault", id, "id")
		}
		cleared := 0
		for _, each := range w.Faults.where(func(f *fault) bool { return id == "" || f.ID == id }) {
			w.Faults.remove(each.ID)
			cleared++
		}
		w.tell(notice{faults: true})
		return map[string]any{"cleared": cleared}, nil
	})
}
