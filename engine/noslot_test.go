package engine_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/enginetest"
)

func TestNoSlotNeverEndsARequestThatFitsAlone(t *testing.T) {
	for rule, refuses := range map[string]func(step int, rows []engine.Row) bool{
		"two sequences never fit":      func(_ int, rows []engine.Row) bool { return sequences(rows) > 1 },
		"more than a row never fits":   func(_ int, rows []engine.Row) bool { return len(rows) > 1 },
		"every second step finds none": func(step int, rows []engine.Row) bool { return step%2 == 0 && len(rows) > 1 },
	} {
		t.Run(rule, func(t *testing.T) {
			rig := enginetest.Start(t, enginetest.Options{Before: func(step int, rows []engine.Row) error {
				if refuses(step, rows) {
					return engine.ErrNoSlot
				}
				return nil
			}})
			if failed := outcomes(t, rig.Engine, 12, nil); failed > 0 {
				t.Errorf("%d failed", failed)
			}
			wantIdle(t, rig)
		})
	}
}

// TestARequestThatNeverFindsASlotEndsAlone: the others are paused for it, and go on.
func TestARequestThatNeverFindsASlotEndsAlone(t *testing.T) {
	rig := enginetest.Start(t, enginetest.Options{Before: func(_ int, rows []engine.Row) error {
		for _, r := range rows {
			if r.Token == 'Z' {
				return engine.ErrNoSlot
			}
		}
		return nil
	}})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := try(rig.Engine, request("Z", 10)); !errors.Is(err, engine.ErrFailed) || !errors.Is(err, engine.ErrNoSlot) {
			t.Errorf("ended with %v", err)
		}
	})
	if failed := outcomes(t, rig.Engine, 12, nil); failed > 0 {
		t.Errorf("%d others failed", failed)
	}
	wg.Wait()
	wantIdle(t, rig)
}
