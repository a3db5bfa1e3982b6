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

// delivery is one event on its way to one endpoint. It lives until the endpoint answered 2xx or the last retry failed.
type delivery struct {
	base
	Event       string
	Endpoint    string
	Attempts    int
	NextAttempt int64 // on the sandbox's clock
	Ready       bool  // due, or being sent
	Held        bool  // waits for the next event, to be sent after it
	Basil       bool  // sent in the newer API version's shape
}

// webhookBackoff is how long to wait after each failed attempt, on the sandbox's clock: quick at first, so that a
// backend that restarts soon has its events, then up to three days in all as at Stripe.
var webhookBackoff = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// deliver queues an event for an endpoint; the courier sends it once the world's lock is free. This is where faults
// strike: a dropped event is never sent, and Stripe believes that it was.
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
	w.plan(d)
}

// releaseHeld sends what was held back, the last first, now that a later event stands before it.
func (w *world) releaseHeld(endpointID string) {
	held := w.Deliveries.where(func(d *delivery) bool { return d.Held && d.Endpoint == endpointID })
	for _, each := range slices.Backward(held) {
		w.Deliveries.remove(each.ID)
		each.Held, each.Ready = false, true
		w.Deliveries.add(each)
	}
}

func (w *world) dropDeliveries(endpointID string) {
	for _, each := range w.Deliveries.where(func(d *delivery) bool { return d.Endpoint == endpointID }) {
		w.finishDelivery(each)
	}
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

// parcel is a delivery ready to be sent without the world.
type parcel struct {
	delivery, url, signature string
	event, kind, endpoint    string
	attempt                  int // counted from 1
	body                     []byte
}

// nextParcel packs the first delivery that is due for an endpoint. Every attempt is signed anew, at the time that the
// sandbox's clock shows.
func (w *world) nextParcel(endpointID string) *parcel {
	for _, id := range w.Deliveries.ids {
		d := w.Deliveries.get(id)
		if d.Endpoint != endpointID || !d.Ready {
			continue
		}
		endpoint, e := w.Endpoints.get(endpointID), w.Events.get(d.Event)
		if endpoint == nil || e == nil {
			continue
		}
		shown := render(e)
		if endpoint.APIVersion != "" {
			shown["api_version"] = string(endpoint.APIVersion)
		}
		if d.Basil {
			asBasil(shown)
		}
		body, err := json.MarshalIndent(shown, "", "  ")
		if err != nil {
			panic("sandbox: an event does not marshal: " + err.Error())
		}
		return &parcel{
			delivery:  id,
			url:       endpoint.URL,
			signature: sign(body, w.mainNow(), endpoint.secrets(w.mainNow())),
			event:     e.ID,
			kind:      e.Type,
			endpoint:  endpoint.ID,
			attempt:   d.Attempts + 1,
			body:      body,
		}
	}
	return nil
}

// settle records how an attempt went.
func (w *world) settle(deliveryID string, delivered bool) {
	d := w.Deliveries.get(deliveryID)
	if d == nil {
		return // its endpoint was deleted meanwhile
	}
	d.Attempts++
	if delivered || d.Attempts > len(webhookBackoff) {
		w.finishDelivery(d)
		return
	}
	d.Ready, d.NextAttempt = false, w.mainNow()+int64(webhookBackoff[d.Attempts-1].Seconds())
	w.plan(d)
}

// sign makes the Stripe-Signature header, with one v1 for each secret that is valid.
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
