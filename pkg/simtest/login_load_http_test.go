package simtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// loadClient keeps its connections, as clients do.
var loadClient = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: 2 * loadGuessers}, Timeout: time.Minute,
}

// ask sends a request to the server itself, as a proxy does for a client at an address.
func (l *loginLoad) ask(from, path, token string, body any) (a answer) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+l.server.addr+path, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", from)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := loadClient.Do(req)
	if err != nil {
		return answer{json: map[string]any{"type": err.Error()}}
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	_ = json.NewDecoder(resp.Body).Decode(&a.json)
	return a
}

// memory returns how much memory the server has now, in bytes, or 0 where the system does not say so.
func (s *server) memory() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseUint(fields[0], 10, 64)
	return kib << 10
}
