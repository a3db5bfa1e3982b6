package token

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxRemembered bounds each of the two halves of a memory: about 10 MB when both are full.
const maxRemembered = 1 << 14

// memory holds the claims of tokens that this process has verified or minted, by the hash of the token. A client uses
// the token of one response for its next request, so most tokens are seen here again.
//
// It says nothing about logins: whatever must end with a login asks the database. It is two maps. When the younger one
// is full, it takes the place of the older one, so what was not used for longest is forgotten.
type memory struct {
	mu           sync.Mutex
	young, older map[[sha256.Size]byte]remembered
}

// remembered are claims, and when they were found valid. Time passes, so they stay valid until they expire.
type remembered struct {
	claims Claims
	since  time.Time
}

func newMemory() *memory { return &memory{young: map[[sha256.Size]byte]remembered{}} }

// add remembers a token that is valid at a time.
func (m *memory) add(raw string, c Claims, now time.Time) {
	m.put(sha256.Sum256([]byte(raw)), remembered{c, now})
}

func (m *memory) put(hash [sha256.Size]byte, r remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= maxRemembered {
		m.older, m.young = m.young, make(map[[sha256.Size]byte]remembered, maxRemembered)
	}
	m.young[hash] = r
}

// get returns the claims of a token that was found valid and has not expired since. If the clock has moved back, it
// returns none, because the token may not be valid yet.
func (m *memory) get(raw string, now time.Time) (Claims, bool) {
	hash := sha256.Sum256([]byte(raw))
	m.mu.Lock()
	r, ok := m.young[hash]
	old := false
	if !ok {
		r, old = m.older[hash]
	}
	m.mu.Unlock()
	if !ok && !old || now.Before(r.since) || !now.Before(r.claims.ExpiresAt) {
		return Claims{}, false
	}
	if old {
		m.put(hash, r)
	}
	return r.claims, true
}
