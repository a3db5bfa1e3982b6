//go:build !unix

package pgserver

import (
	"context"
	"errors"
)

// errNotHere stands for both ways to start a server: without a Unix shell nobody would end it after us.
var errNotHere = errors.New("throwaway servers need a Unix system: set " + EnvURL)

func startCluster(context.Context, string) (*Server, error) { return nil, errNotHere }
func startContainer(context.Context) (*Server, error)       { return nil, errNotHere }
