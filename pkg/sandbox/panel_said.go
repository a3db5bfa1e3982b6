package sandbox

import (
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// mostSayings limits the messages that wait to be shown. Without it, the message of a page that is never opened would
// be kept forever.
const mostSayings = 100

// sayings are the messages about what buttons did. Each waits until the page that the button leads to shows it, once.
// The address of that page holds the message's id and not its text. Otherwise anyone could put text into the panel with
// a link. Guarded by Sandbox.mu.
type sayings struct {
	waiting map[string]pages.Flash
	ids     []string
}

func (s *sayings) put(said pages.Flash) (id string) {
	if s.waiting == nil {
		s.waiting = map[string]pages.Flash{}
	}
	id = newID("", 12)
	s.waiting[id], s.ids = said, append(s.ids, id)
	if len(s.ids) > mostSayings {
		s.take(s.ids[0])
	}
	return id
}

func (s *sayings) take(id string) pages.Flash {
	said, known := s.waiting[id]
	if known {
		delete(s.waiting, id)
		s.ids = slices.DeleteFunc(s.ids, func(each string) bool { return each == id })
	}
	return said
}
