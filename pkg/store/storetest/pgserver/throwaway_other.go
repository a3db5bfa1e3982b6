//go:build !unix

package pgserver

import (
	"context"
	"errors"
)

// errNotHere is returned for both ways to start a server. Without a Unix shell, nothing would end the server after us.
var errNotHere = errors.New("throwaway servers need a Unix system: set " + EnvURL)

func startCluster(context.Context, string) (*Server, error) { return nil, errNotHere }
func startContainer(context.Context) (*Server, error)       { return nil, errNotHere }
