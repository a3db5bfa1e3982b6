package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
	"github.com/pointsync/pointsync/pkg/sandbox/spec"
)

// negatives is how many wrong requests are compared. The seed below determines them.
const (
	negatives     = 300
	negativesSeed = 3
)

// TestNegatives proves that the sandbox refuses what Stripe's own mock refuses. It uses 300 requests with exactly one
// mistake to which the mock replies 400. The sandbox replies 400 as well, and names the parameter.
func TestNegatives(t *testing.T) {
	t.Parallel()
	mock, box := startMock(t), startSandbox(t)
	dice := rand.New(rand.NewPCG(negativesSeed, 0))
	var operations []string
	for _, each := range spec.Operations() {
		if !strings.Contains(each, unpublished) {
			operations = append(operations, each)
		}
	}
	kinds := []string{"UnknownKey", "WrongType", "BadEnum", "MissingRequired"}
	accepted := 0
	for compared := 0; compared < negatives; {
		kind := kinds[compared%len(kinds)]
		wrong, ok := official().mutate(operations[dice.IntN(len(operations))], kind, dice)
		if !ok || !answers(t, mock, wrong, wrong.good, http.StatusOK) {
			continue // nothing to break this way, or the mock refuses even the correct form
		}
		if !answers(t, mock, wrong, wrong.form, http.StatusBadRequest) {
			accepted++ // the mock does not check everything, so it proves nothing about this one
			continue
		}
		compared++
		compare(t, box, wrong)
	}
	t.Logf("%d wrong requests were compared; the mock accepted %d others", negatives, accepted)
}

func (m mutant) send(t *testing.T, base, form string) (int, []byte) {
	t.Helper()
	method, path, _ := strings.Cut(m.operation, " ")
	segments := strings.Split(path, "/")
	for i, each := range segments {
		if strings.HasPrefix(each, "{") {
			segments[i] = "id_1"
		}
	}
	path = strings.Join(segments, "/")
	if method == "DELETE" && form != "" {
		path += "?" + form
		form = ""
	}
	status, body, err := send(base, method, path, form)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

func answers(t *testing.T, mock string, m mutant, form string, want int) bool {
	t.Helper()
	status, _ := m.send(t, mock, form)
	return status == want
}

func compare(t *testing.T, box string, m mutant) {
	t.Helper()
	status, body := m.send(t, box, m.form)
	var answer struct {
		Error struct{ Type, Param, Message string }
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusBadRequest ||
		answer.Error.Type != "invalid_request_error" || answer.Error.Param != m.param {
		t.Errorf(
			"%s %s %q: want 400 with the param %s, got %d with %q: %s", m.kind, m.operation, m.form, m.param, status,
			answer.Error.Param, answer.Error.Message,
		)
	}
}

func startSandbox(t *testing.T) string {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// startMock runs Stripe's mock until the test ends, on ports that the system chooses. By default it would use a fixed
// port for HTTPS, which another mock may use.
func startMock(t *testing.T) string {
	t.Helper()
	path, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "stripe-mock").Output()
	if err != nil {
		t.Fatalf("build stripe-mock: %v", err)
	}
	mock := exec.CommandContext(
		t.Context(), strings.TrimSpace(string(path)), "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0",
	)
	output, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	mock.Stderr = mock.Stdout
	if err := mock.Start(); err != nil {
		t.Fatalf("start stripe-mock: %v", err)
	}
	t.Cleanup(func() { mock.Wait() }) // it is killed when the test's context ends, just before
	lines := bufio.NewScanner(output)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if _, address, found := strings.Cut(lines.Text(), "Listening for HTTP at address: "); found {
			go func() {
				for lines.Scan() { // so that the mock never waits for a reader
				}
			}()
			return "http://" + address
		}
	}
	t.Fatalf("stripe-mock did not start: %s", strings.Join(said, "\n"))
	return ""
}

// TestMutantsAreSeeded proves that the mutants are the same for the same seed, and that some of each kind differ from
// the correct form.
func TestMutantsAreSeeded(t *testing.T) {
	t.Parallel()
	draw := func() []string {
		dice := rand.New(rand.NewPCG(negativesSeed, 0))
		var drawn []string
		for _, kind := range []string{"UnknownKey", "WrongType", "BadEnum", "MissingRequired"} {
			wrong, ok := official().mutate("POST /v1/checkout/sessions", kind, dice)
			if !ok && kind != "MissingRequired" || ok && wrong.good == wrong.form {
				t.Errorf("%s: no mutant: %+v", kind, wrong)
			}
			drawn = append(drawn, fmt.Sprint(wrong))
		}
		return drawn
	}
	if first, again := draw(), draw(); !slices.Equal(first, again) {
		t.Fatalf("the seed gives %v, then %v", first, again)
	}
}
