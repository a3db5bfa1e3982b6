package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// snapshotEvery is the shortest time between two snapshots. Writing them never takes more than a tenth of the time.
const snapshotEvery = 200 * time.Millisecond

func (s *Sandbox) load(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the sandbox's folder: %w", err)
	}
	s.path = filepath.Join(dir, "sandbox.json")
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(content, s.world)
	}
	if err != nil {
		return fmt.Errorf("read the sandbox's snapshot (delete it to begin anew): %w", err)
	}
	if s.world.Replays == nil {
		s.world.Replays = map[string]*replay{}
	}
	return nil
}

// keepSnapshot writes the snapshot after changes.
func (s *Sandbox) keepSnapshot() {
	if s.path == "" {
		return
	}
	for {
		select {
		case <-s.stop.Done():
			return
		case <-s.dirty:
		}
		began := time.Now()
		if err := s.save(); err != nil {
			s.log.Error("the sandbox's snapshot was not written", "error", err)
		}
		select {
		case <-s.stop.Done():
			return
		case <-time.After(max(snapshotEvery, 10*time.Since(began))):
		}
	}
}

// save writes the snapshot to a new file and then renames it. So a reader finds either the old or the new one,
// complete.
func (s *Sandbox) save() error {
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	content, err := json.Marshal(s.world)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode the snapshot: %w", err)
	}
	fresh := s.path + ".new"
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	if err := os.Rename(fresh, s.path); err != nil {
		return fmt.Errorf("put the snapshot in its place: %w", err)
	}
	return nil
}
