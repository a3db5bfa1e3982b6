package sandbox

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// apiVersion is the API version that the sandbox speaks. stripe-go v76 pins the same one.
const apiVersion = "2023-10-16"

// eventLifetime is how long an event can be retrieved, in seconds of the sandbox's own clock: 30 days, as at Stripe.
const eventLifetime = 30 * 86400

// event is a snapshot of one change.
type event struct {
	base
	APIVersion      text      `json:"api_version"`
	Data            eventData `json:"data"`
	Livemode        bool      `json:"livemode"`
	PendingWebhooks int       `json:"pending_webhooks"`
	Request         cause     `json:"request"`
	Type            string    `json:"type"`
	Hidden          struct {
		At int64 // on the sandbox's own clock, even if the object has a test clock
	} `json:"_sandbox"`
}

// eventData holds the object as it is after the change, and as it was before. Most events of a long simulation are
// never read. So both are copies of the object's struct, which are encoded only when someone reads them. A copy shares
// what the object refers to. That is why maps, lists and structs behind pointers are replaced and never changed in
// place.
type eventData struct {
	now, before any       // copies made by pictured; before is nil if the event is no change
	text        eventText // the encoded form that a snapshot stores, once it was written or read
}

type eventText struct {
	Object             json.RawMessage `json:"object"`
	PreviousAttributes json.RawMessage `json:"previous_attributes,omitempty"`
}

func (d *eventData) shown() map[string]any {
	if d.now == nil {
		out := map[string]any{"object": decoded(d.text.Object)}
		if d.text.PreviousAttributes != nil {
			out["previous_attributes"] = decoded(d.text.PreviousAttributes)
		}
		return out
	}
	out := map[string]any{"object": render(d.now)}
	if d.before != nil {
		out["previous_attributes"] = difference(render(d.before), render(d.now))
	}
	return out
}

// MarshalJSON encodes the data for a snapshot. It keeps the text, so that the next snapshot need not encode it again.
func (d *eventData) MarshalJSON() ([]byte, error) {
	if d.now != nil {
		shown := d.shown()
		d.text.Object = encode(shown["object"])
		if previous, changed := shown["previous_attributes"]; changed {
			d.text.PreviousAttributes = encode(previous)
		}
		d.now, d.before = nil, nil
	}
	return json.Marshal(d.text)
}

// UnmarshalJSON reads the text from a snapshot.
func (d *eventData) UnmarshalJSON(content []byte) error { return json.Unmarshal(content, &d.text) }

// emit announces an object as it is now and adds its next due work to the agenda.
func (w *world) emit(kind string, v any) *event { return w.announce(kind, v, nil) }

// change changes an object and announces it, with the values that the object had before. If nothing changed, it
// announces nothing.
func (w *world) change(kind string, v any, mutate func()) {
	before := pictured(v)
	mutate()
	if reflect.DeepEqual(before, pictured(v)) {
		w.plan(v)
		return
	}
	w.announce(kind, v, before)
}

// announce makes the event of a change. before is what pictured returned before the change.
func (w *world) announce(kind string, v, before any) *event {
	if w.preview {
		return &event{} // a preview sends no events
	}
	w.plan(v)
	e := &event{
		base:       w.begin("evt_1", "event"),
		APIVersion: apiVersion,
		Type:       kind,
		Request:    w.cause,
		Data:       eventData{now: pictured(v), before: before},
	}
	e.Hidden.At = w.mainNow()
	w.Events.add(e)
	w.forgetEvents()
	w.tell(notice{event: e.ID})
	for _, id := range w.Endpoints.ids {
		endpoint := w.Endpoints.get(id)
		if endpoint.wants(kind) {
			w.deliver(e, endpoint)
		}
	}
	return e
}

// forgetEvents drops the events that are past their lifetime, oldest first. It stops at the first event that is still
// to be delivered.
func (w *world) forgetEvents() {
	oldest := w.mainNow() - eventLifetime
	for len(w.Events.ids) > 0 {
		first := w.Events.get(w.Events.ids[0])
		if first.Hidden.At >= oldest || first.PendingWebhooks > 0 {
			return
		}
		w.Events.remove(first.ID)
	}
}

func (e *webhookEndpoint) wants(kind string) bool {
	return e.Status == "enabled" && (slices.Contains(e.EnabledEvents, "*") || slices.Contains(e.EnabledEvents, kind))
}

func getEvent(c *call) (any, error) {
	if e := c.Events.get(c.id); e != nil {
		return e, nil
	}
	return nil, noSuch("event", c.id, "id")
}

// listEvents filters by type (with a trailing * as wildcard), by types[], and by delivery success.
func listEvents(c *call) (any, error) {
	types := c.p.Texts("types")
	if kind := c.p.Text("type"); kind != "" {
		types = append(types, kind)
	}
	matches := func(kind string) bool {
		return len(types) == 0 || slices.ContainsFunc(types, func(pattern string) bool {
			prefix, wild := strings.CutSuffix(pattern, "*")
			return kind == pattern || wild && strings.HasPrefix(kind, prefix)
		})
	}
	return list(c, &c.Events, "event", func(e *event) bool {
		return matches(e.Type) &&
			(!c.p.Has("delivery_success") || (e.PendingWebhooks == 0) == c.p.Flag("delivery_success"))
	})
}
