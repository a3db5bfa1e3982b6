package sandbox

import (
	"bytes"
	"fmt"
)

// Witness encodes every event when it is made. verify compares that text with the text that later readers get. It
// returns an error that names the first event whose text differs. The cause is that something the object refers to was
// changed in place.
func (s *Sandbox) Witness() (verify func() error) {
	type sight struct {
		event *event
		text  []byte
	}
	var seen []sight
	s.mu.Lock()
	defer s.mu.Unlock()
	tell := s.world.tell
	s.world.tell = func(n notice) {
		if e := s.world.Events.get(n.event); e != nil {
			seen = append(seen, sight{e, written(eventData{now: e.Data.now, before: e.Data.before})})
		}
		tell(n)
	}
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, each := range seen {
			if later := written(each.event.Data); !bytes.Equal(later, each.text) {
				return fmt.Errorf("%s is no longer what it was:\n%s\n%s", each.event.Type, each.text, later)
			}
			if bytes.HasSuffix(each.text, []byte(`"previous_attributes":{}}`)) {
				return fmt.Errorf("%s changes nothing: %s", each.event.Type, each.text)
			}
		}
		return nil
	}
}

func written(d eventData) []byte {
	encoded, err := d.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return encoded
}
