package sandbox

import "encoding/json"

// row is what a table holds: something with an id and a time of creation.
type row interface {
	key() string
	when() int64
}

// base is what nearly every object of Stripe begins with.
type base struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
}

func (b *base) key() string { return b.ID }
func (b *base) when() int64 { return b.Created }

// table keeps rows by id and in the order of their creation, which is the (reversed) order of every list.
type table[T any] struct {
	rows map[string]*T
	ids  []string
}

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) add(item *T) *T {
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	id := any(item).(row).key()
	if _, present := t.rows[id]; !present {
		t.ids = append(t.ids, id)
	}
	t.rows[id] = item
	return item
}

func (t *table[T]) remove(id string) {
	delete(t.rows, id)
	for i, each := range t.ids {
		if each == id {
			t.ids = append(t.ids[:i], t.ids[i+1:]...)
			return
		}
	}
}

// where answers the rows that match, oldest first.
func (t *table[T]) where(match func(*T) bool) []*T {
	var found []*T
	for _, id := range t.ids {
		if item := t.rows[id]; match == nil || match(item) {
			found = append(found, item)
		}
	}
	return found
}

// find answers a row as any, nil when it is not there, for look-ups over all tables.
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
