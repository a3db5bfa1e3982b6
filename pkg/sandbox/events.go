package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
)

// apiVersion is the version the sandbox speaks, the one stripe-go v76 pins.
const apiVersion = "2023-10-16"

// event is a snapshot of one change.
type event struct {
	base
	APIVersion      text      `json:"api_version"`
	Data            eventData `json:"data"`
	Livemode        bool      `json:"livemode"`
	PendingWebhooks int       `json:"pending_webhooks"`
	Request         cause     `json:"request"`
	Type            string    `json:"type"`
}

type eventData struct {
	Object             json.RawMessage `json:"object"`
	PreviousAttributes map[string]any  `json:"previous_attributes,omitempty"`
}

// emit announces an object as it is now and puts its next due work on the agenda.
func (w *world) emit(kind string, v any) *event { return w.announce(kind, v, nil) }

// change lets an object change and announces it with the values it had before. A change that changes nothing
// announces nothing.
func (w *world) change(kind string, v any, mutate func()) {
	before := render(v)
	mutate()
	previous := difference(before, render(v))
	if len(previous) == 0 {
		w.plan(v)
		return
	}
	w.announce(kind, v, previous)
}

func (w *world) announce(kind string, v any, previous map[string]any) *event {
	w.plan(v)
	encoded, err := json.Marshal(render(v))
	if err != nil {
		panic("sandbox: an event's object does not marshal: " + err.Error())
	}
	e := &event{
		base:       w.begin("evt_1", "event"),
		APIVersion: apiVersion,
		Type:       kind,
		Request:    w.cause,
		Data:       eventData{Object: encoded, PreviousAttributes: previous},
	}
	w.Events.add(e)
	w.tell(notice{event: e.ID})
	for _, id := range w.Endpoints.ids {
		endpoint := w.Endpoints.get(id)
		if endpoint.wants(kind) {
			w.deliver(e, endpoint)
		}
	}
	return e
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

// listEvents filters by type (with a trailing * as wildcard), by types[] and by whether the delivery succeeded.
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
		return matches(e.Type) && (!c.p.Has("delivery_success") || (e.PendingWebhooks == 0) == c.p.Flag("delivery_success"))
	})
}
