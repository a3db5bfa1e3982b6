package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// keptMails is how many mails a folder keeps. Older ones are deleted.
const keptMails = 100

// Sent is a message in a folder.
type Sent struct {
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	SentAt  time.Time `json:"sent_at"`
}

// Folder sends no mail. It writes each message to a file and a line about it to a console, for development.
type Folder struct {
	dir     string
	console io.Writer
	page    string // where the messages can be read
	mu      sync.Mutex
}

// NewFolder returns a sender that writes into dir. The console's lines name page as the place to read the messages.
func NewFolder(dir string, console io.Writer, page string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &Folder{dir: dir, console: console, page: page}, nil
}

// Send writes the message down.
func (f *Folder) Send(_ context.Context, m Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	content, err := json.MarshalIndent(Sent{To: m.To, Subject: m.Subject, Text: m.Text, SentAt: now.UTC()}, "", "  ")
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	name := fmt.Sprintf("%020d.json", now.UnixNano()) // sorts by time
	if err := os.WriteFile(filepath.Join(f.dir, name), content, 0o600); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	fmt.Fprintf(f.console, "mail to %s: %q, see %s\n", m.To, m.Subject, f.page)
	names, err := f.names()
	for _, old := range names[min(len(names), keptMails):] {
		_ = os.Remove(filepath.Join(f.dir, old))
	}
	return err
}

// List returns the messages, newest first.
func (f *Folder) List() ([]Sent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names, err := f.names()
	sent := make([]Sent, 0, len(names))
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		var one Sent
		if err := json.Unmarshal(content, &one); err != nil {
			return nil, fmt.Errorf("mail: %s: %w", name, err)
		}
		sent = append(sent, one)
	}
	return sent, err
}

// names returns the names of the files, newest first.
func (f *Folder) names() ([]string, error) {
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".json") {
			names = append(names, file.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}
