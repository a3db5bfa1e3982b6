package catalog

import (
	"maps"
	"slices"

	"github.com/pointsync/pointsync/pkg/billing"
)

const (
	// maxPrice keeps the price of the largest quantity within billing.MaxPoints.
	maxPrice          = whole(billing.MaxPoints / billing.MaxActionQuantity)
	maxActions        = 200
	defaultMaxActions = 100 // the largest quantity of an action without `max`
	maxFeatures       = 20
)

// action is written as `picture: {points: 30}` or `minute: {points: 2, per: 10, max: 120}`.
type action struct {
	Points *whole `yaml:"points"`
	Per    *whole `yaml:"per"`
	Max    *whole `yaml:"max"`
}

// caps are written as {request: 500, day: 5000}. What is left out is not capped at the top of the file. In a plan it is
// capped as there.
type caps struct {
	Request *whole `yaml:"request"`
	Day     *whole `yaml:"day"`
}

// actionOf names an action's place.
func actionOf(id string) string { return "actions, " + id }

func (f *file) checkActions(found *findings) {
	if n := len(f.Actions); n > maxActions {
		found.add("actions", "%d are more than %d", n, maxActions)
	}
	for _, id := range slices.Sorted(maps.Keys(f.Actions)) {
		place := f.placeOf(actionOf(id), "")
		if !idPattern.MatchString(id) {
			found.add("actions", "the name %q is not 1 to 40 of a-z, 0-9 and _", id)
		}
		a := f.Actions[id]
		checkNumber(found, place, "points", a.Points, 1, maxPrice)
		if a.Per != nil {
			checkNumber(found, place, "per", a.Per, 1, billing.MaxActionQuantity)
		}
		if a.Max != nil {
			checkNumber(found, place, "max", a.Max, 1, billing.MaxActionQuantity)
		}
	}
}

func (p plan) checkFeatures(found *findings, place string) {
	if n := len(p.Features); n > maxFeatures {
		found.add(place, "%d features are more than %d", n, maxFeatures)
	}
	for n, feature := range p.Features {
		switch {
		case !idPattern.MatchString(feature):
			found.add(place, "feature %q is not 1 to 40 of a-z, 0-9 and _", feature)
		case slices.Index(p.Features, feature) < n:
			found.add(place, "feature %s is listed twice", feature)
		}
	}
}

func (c caps) check(found *findings, place string) {
	if c.Request != nil {
		checkNumber(found, place, "request", c.Request, 1, whole(billing.MaxPoints))
	}
	if c.Day != nil {
		checkNumber(found, place, "day", c.Day, 1, whole(billing.MaxPoints))
	}
}

func (f *file) actions() []billing.Action {
	actions := make([]billing.Action, 0, len(f.Actions))
	for _, id := range slices.Sorted(maps.Keys(f.Actions)) {
		a := f.Actions[id]
		actions = append(actions, billing.Action{
			ID: id, Points: billing.Points(*a.Points), Per: or(a.Per, 1), Max: or(a.Max, defaultMaxActions),
		})
	}
	return actions
}

func (f *file) capPolicy() billing.CapPolicy {
	var policy billing.CapPolicy
	policy.Default = f.Caps.billing(billing.Caps{})
	for _, p := range f.Plans {
		if p.Caps == (caps{}) {
			continue // the default
		}
		if policy.Plans == nil {
			policy.Plans = map[string]billing.Caps{}
		}
		policy.Plans[p.ID] = p.Caps.billing(policy.Default)
	}
	return policy
}

func (c caps) billing(otherwise billing.Caps) billing.Caps {
	return billing.Caps{
		Request: billing.Points(or(c.Request, int64(otherwise.Request))),
		Day:     billing.Points(or(c.Day, int64(otherwise.Day))),
	}
}
