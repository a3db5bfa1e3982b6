package billing_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that an error's code is found through any wrapping, and that any other error counts as our own bug.
func TestCodeOf(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	refused := billing.Wrap(cause, billing.EConflict, "It is %d.", 3)
	for want, err := range map[billing.Code]error{
		"": nil, billing.EInternal: cause, billing.EConflict: fmt.Errorf("context: %w", refused),
		billing.ENotFound: billing.Errorf(billing.ENotFound, "No."),
	} {
		if got := billing.CodeOf(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
	if !errors.Is(refused, cause) || refused.Message != "It is 3." || refused.Error() != "conflict: It is 3.: cause" {
		t.Errorf("got %q", refused)
	}
}
