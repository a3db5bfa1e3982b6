package sandbox

import (
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// page is one page of a list, as a list operation returns it.
type page struct {
	Object  string `json:"object"`
	Data    []any  `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

const (
	defaultLimit = 10
	maxLimit     = 100
)

// list returns a page of the matching rows, newest first. It reads the parameters that all lists share.
func list[T any](c *call, t *table[T], noun string, match func(*T) bool) (any, error) {
	created, err := createdFilter(c.p)
	if err != nil {
		return nil, err
	}
	wanted := func(item *T) bool {
		return created(any(item).(row).when()) && (match == nil || match(item))
	}
	var found []*T
	if _, ok := any((*T)(nil)).(held); ok && c.p.Text("customer") != "" {
		found = t.among(c.p.Text("customer"), wanted)
	} else {
		found = t.where(wanted)
	}
	return paginate(c, newestFirst(found), noun)
}

// paginate returns one page of items, which are already in the order of the list.
func paginate[T any](c *call, items []*T, noun string) (any, error) {
	limit, after, before, err := cursor(c.p)
	if err != nil {
		return nil, err
	}
	at := func(id, param string) (int, error) {
		i := slices.IndexFunc(items, func(item *T) bool { return any(item).(row).key() == id })
		if i < 0 {
			return 0, noSuch(noun, id, param)
		}
		return i, nil
	}
	result := &page{Object: "list", Data: []any{}, URL: c.path}
	var from, to int
	switch {
	case after != "":
		i, err := at(after, "starting_after")
		if err != nil {
			return nil, err
		}
		from, to = i+1, min(len(items), i+1+limit)
		result.HasMore = to < len(items)
	case before != "":
		i, err := at(before, "ending_before")
		if err != nil {
			return nil, err
		}
		from, to = max(0, i-limit), i
		result.HasMore = from > 0
	default:
		to = min(len(items), limit)
		result.HasMore = to < len(items)
	}
	for _, item := range items[from:to] {
		result.Data = append(result.Data, item)
	}
	return result, nil
}

func cursor(p spec.Params) (limit int, after, before string, err error) {
	limit = defaultLimit
	if p.Has("limit") {
		if n := p.Int("limit"); n < 1 || n > maxLimit {
			return 0, "", "", coded(
				"parameter_invalid_integer", "limit", "Invalid limit: must be between 1 and %d", maxLimit,
			)
		}
		limit = int(p.Int("limit"))
	}
	after, before = p.Text("starting_after"), p.Text("ending_before")
	if after != "" && before != "" {
		return 0, "", "", invalid(
			"", "Received both starting_after and ending_before parameters. Please pass in only one.",
		)
	}
	return limit, after, before, nil
}

// createdFilter reads created=N and created[gt|gte|lt|lte]=N.
func createdFilter(p spec.Params) (func(int64) bool, error) {
	return timeFilter(p, "created")
}

func timeFilter(p spec.Params, name string) (func(int64) bool, error) {
	if !p.Has(name) {
		return func(int64) bool { return true }, nil
	}
	if exact, ok := p[name].(int64); ok {
		return func(t int64) bool { return t == exact }, nil
	}
	r := p.Sub(name)
	return func(t int64) bool {
		return (!r.Has("gt") || t > r.Int("gt")) && (!r.Has("gte") || t >= r.Int("gte")) &&
			(!r.Has("lt") || t < r.Int("lt")) && (!r.Has("lte") || t <= r.Int("lte"))
	}, nil
}

func newestFirst[T any](items []*T) []*T {
	reversed := slices.Clone(items)
	slices.Reverse(reversed)
	return reversed
}

// listOf is a list inside an object, such as a subscription's items or an invoice's lines. It is always complete.
type listOf[T any] struct {
	Object  string `json:"object"`
	Data    []*T   `json:"data"`
	HasMore bool   `json:"has_more"`
	URL     string `json:"url"`
}

func newListOf[T any](url string, items []*T) listOf[T] {
	if items == nil {
		items = []*T{}
	}
	return listOf[T]{Object: "list", Data: items, URL: url}
}

func wholeList(items any, url string) map[string]any {
	shown := render(map[string]any{"object": "list", "data": items, "has_more": false, "url": url})
	if shown["data"] == nil {
		shown["data"] = []any{}
	}
	return shown
}

func deleted(object, id string) map[string]any {
	return map[string]any{"id": id, "object": object, "deleted": true}
}
