package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// delivery is one event on its way to one endpoint. It ends when the endpoint responds with 2xx or the last retry
// fails.
type delivery struct {
	base
	Event       string
	Endpoint    string
	Attempts    int
	NextAttempt int64 // on the sandbox's clock
	Ready       bool  // due, or being sent
	Held        bool  // sent after the next event
	Basil       bool  // sent in the newer API version's shape
}

// webhookBackoff is how long to wait after each failed attempt, on the sandbox's clock. The first retries are quick, so
// that a backend that restarts soon gets its events. In all it is up to three days, as at Stripe.
var webhookBackoff = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// deliver queues an event for an endpoint. The courier sends it once the world's lock is free. Faults act here: a
// dropped event is never sent, but Stripe believes that it was delivered.
func (w *world) deliver(e *event, endpoint *webhookEndpoint) {
	if w.strikeDelivery(faultDrop, e.Type) != nil {
		return
	}
	e.PendingWebhooks++
	made := &delivery{base: base{ID: newID("whd_", 24)}, Event: e.ID, Endpoint: endpoint.ID, Ready: true}
	made.Basil = w.strikeDelivery(faultBasil, e.Type) != nil
	if late := w.strikeDelivery(faultDelay, e.Type); late != nil {
		made.Ready, made.NextAttempt = false, w.mainNow()+late.DelaySeconds
	} else if late = w.strikeDelivery(faultReorder, e.Type); late != nil {
		made.Ready, made.Held, made.NextAttempt = false, true, w.mainNow()+late.DelaySeconds
	}
	w.queue(made)
	if w.strikeDelivery(faultDuplicate, e.Type) != nil {
		again := *made
		again.ID, again.Ready, again.Held = newID("whd_", 24), true, false
		e.PendingWebhooks++
		w.queue(&again)
	}
	if made.Ready {
		w.releaseHeld(endpoint.ID)
	}
	w.ring(endpoint.ID)
}

func (w *world) queue(d *delivery) {
	w.Deliveries.add(d)
	w.lay(d)
	w.plan(d)
}

// releaseHeld queues the deliveries that were held back, the last one first, now that a later event is ahead of them.
func (w *world) releaseHeld(endpointID string) {
	bag := w.mailbag(endpointID)
	for _, each := range slices.Backward(bag.held) {
		if each.Held && w.Deliveries.get(each.ID) == each { // otherwise it was due before the next event came
			each.Held, each.Ready = false, true
			bag.ready = append(bag.ready, each)
		}
	}
	bag.held = nil
}

func (w *world) dropDeliveries(endpointID string) {
	for _, each := range w.Deliveries.where(func(d *delivery) bool { return d.Endpoint == endpointID }) {
		w.finishDelivery(each)
	}
}

// mailbag is what waits for the couriers of one endpoint, so that no one has to search all deliveries. ready holds
// those that are due, in sending order. held holds those that wait for the next event. A delivery in either list may no
// longer exist.
type mailbag struct{ ready, held []*delivery }

func (w *world) mailbag(endpointID string) *mailbag {
	if w.mailbags == nil {
		w.mailbags = map[string]*mailbag{}
	}
	if w.mailbags[endpointID] == nil {
		w.mailbags[endpointID] = &mailbag{}
	}
	return w.mailbags[endpointID]
}

// lay puts a delivery into its endpoint's mailbag.
func (w *world) lay(d *delivery) {
	bag := w.mailbag(d.Endpoint)
	switch {
	case d.Ready:
		bag.ready = append(bag.ready, d)
	case d.Held:
		bag.held = append(bag.held, d)
	}
}

// next returns the first delivery that is due, or nil if there is none. It stays in the bag.
func (b *mailbag) next(w *world) *delivery {
	for len(b.ready) > 0 && w.Deliveries.get(b.ready[0].ID) != b.ready[0] {
		b.ready = b.ready[1:]
	}
	if len(b.ready) == 0 {
		return nil
	}
	return b.ready[0]
}

func (w *world) finishDelivery(d *delivery) {
	if w.Deliveries.get(d.ID) == nil {
		return
	}
	if e := w.Events.get(d.Event); e != nil && e.PendingWebhooks > 0 {
		e.PendingWebhooks--
	}
	w.Deliveries.remove(d.ID)
}

// parcel is a delivery that can be sent without the world.
type parcel struct {
	delivery, url         string
	event, kind, endpoint string
	attempt               int // counted from 1
	shown                 map[string]any
	at                    int64 // when it was taken from the mailbag, on the sandbox's clock
	secrets               []string
	body                  []byte // body and signature are set by seal
	signature             string
}

// nextParcel takes and packs the first delivery that is due for an endpoint. Each attempt gets a new signature, with
// the time of the sandbox's clock.
func (w *world) nextParcel(endpointID string) *parcel {
	bag := w.mailbag(endpointID)
	for d := bag.next(w); d != nil; d = bag.next(w) {
		bag.ready = bag.ready[1:]
		endpoint, e := w.Endpoints.get(endpointID), w.Events.get(d.Event)
		if endpoint == nil || e == nil {
			w.finishDelivery(d)
			continue
		}
		shown := render(e)
		if endpoint.APIVersion != "" {
			shown["api_version"] = string(endpoint.APIVersion)
		}
		if d.Basil {
			asBasil(shown)
		}
		return &parcel{
			delivery: d.ID,
			url:      endpoint.URL,
			event:    e.ID,
			kind:     e.Type,
			endpoint: endpoint.ID,
			attempt:  d.Attempts + 1,
			shown:    shown,
			at:       w.mainNow(),
			secrets:  endpoint.secrets(w.mainNow()),
		}
	}
	return nil
}

// seal writes the parcel's body and signs it. The world's lock need not be held.
func (p *parcel) seal() {
	body, err := json.MarshalIndent(p.shown, "", "  ")
	if err != nil {
		panic("sandbox: an event does not marshal: " + err.Error())
	}
	p.body, p.signature = body, sign(body, p.at, p.secrets)
}

// settle records the result of an attempt.
func (w *world) settle(deliveryID string, delivered bool) {
	d := w.Deliveries.get(deliveryID)
	if d == nil {
		return // its endpoint was deleted in the meantime
	}
	d.Attempts++
	if delivered || d.Attempts > len(webhookBackoff) {
		w.finishDelivery(d)
		return
	}
	d.Ready, d.NextAttempt = false, w.mainNow()+int64(webhookBackoff[d.Attempts-1].Seconds())
	w.plan(d)
}

// sign makes the Stripe-Signature header, with one v1 for each valid secret.
func sign(body []byte, at int64, secrets []string) string {
	t := strconv.FormatInt(at, 10)
	header := "t=" + t
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header
}
