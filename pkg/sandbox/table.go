package sandbox

import (
	"encoding/json"
	"slices"
)

// row is what a table holds: something with an id and a time of creation.
type row interface {
	key() string
	when() int64
}

// base has the fields that nearly every object of Stripe begins with.
type base struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
}

func (b *base) key() string { return b.ID }
func (b *base) when() int64 { return b.Created }

// table keeps rows by id and in the order of their creation. Lists show them in the reverse order.
type table[T any] struct {
	rows     map[string]*T
	ids      []string
	byHolder map[string][]*T // held rows, by customer
}

// held is a row whose customer never changes. So a table can find all rows of a customer at once.
type held interface{ holder() string }

func (i *invoice) holder() string      { return i.Customer }
func (i *invoiceItem) holder() string  { return i.Customer }
func (s *subscription) holder() string { return s.Customer }
func (c *charge) holder() string       { return string(c.Customer) }

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) add(item *T) *T {
	if t.rows == nil {
		t.rows, t.byHolder = map[string]*T{}, map[string][]*T{}
	}
	id := any(item).(row).key()
	if _, present := t.rows[id]; !present {
		t.ids = append(t.ids, id)
		if each, ok := any(item).(held); ok {
			t.byHolder[each.holder()] = append(t.byHolder[each.holder()], item)
		}
	}
	t.rows[id] = item
	return item
}

func (t *table[T]) remove(id string) {
	item, present := t.rows[id]
	if !present {
		return
	}
	delete(t.rows, id)
	if i := slices.Index(t.ids, id); i == 0 {
		t.ids = t.ids[1:] // removing the oldest row costs nothing
	} else {
		t.ids = slices.Delete(t.ids, i, i+1)
	}
	if each, ok := any(item).(held); ok {
		t.byHolder[each.holder()] = slices.DeleteFunc(
			t.byHolder[each.holder()], func(other *T) bool { return other == item },
		)
	}
}

// among returns the matching rows of one customer, oldest first. The rows must be held.
func (t *table[T]) among(holder string, match func(*T) bool) []*T {
	var found []*T
	for _, item := range t.byHolder[holder] {
		if match(item) {
			found = append(found, item)
		}
	}
	return found
}

// where returns the rows that match, oldest first.
func (t *table[T]) where(match func(*T) bool) []*T {
	var found []*T
	for _, id := range t.ids {
		if item := t.rows[id]; match == nil || match(item) {
			found = append(found, item)
		}
	}
	return found
}

// find returns a row as any, or nil if it does not exist. It is for look-ups over all tables.
func (t *table[T]) find(id string) any {
	if item := t.rows[id]; item != nil {
		return item
	}
	return nil
}

func (t *table[T]) MarshalJSON() ([]byte, error) {
	items := make([]*T, 0, len(t.ids))
	for _, id := range t.ids {
		items = append(items, t.rows[id])
	}
	return json.Marshal(items)
}

func (t *table[T]) UnmarshalJSON(text []byte) error {
	var items []*T
	if err := json.Unmarshal(text, &items); err != nil {
		return err
	}
	for _, item := range items {
		t.add(item)
	}
	return nil
}
