package sandbox

import (
	"slices"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

// mostSayings bounds what waits to be shown: a page that is never opened must not be remembered for ever.
const mostSayings = 100

// sayings are what buttons did, until the page that they lead to shows it, once. The address of that page holds an id
// and not the words, or anybody could put words into the panel by a link. Guarded by Sandbox.mu.
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
