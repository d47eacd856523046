package batching

import (
	"errors"
	"testing"
	"time"
)

func TestTheHigherClassStartsFirstAndPushesOutTheLower(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 100, Rows: 16, Queue: 9})
	w.job(Job{Prompt: 4, Class: FlexClass})
	w.wantSteps("1:0+4!")
	w.job(Job{Prompt: 4})
	w.job(Job{Prompt: 4, Class: PriorityClass})
	w.wantSteps("3:0+4!")
	w.fx.want(t, "start 1", "pause 1", "start 3")
}

func TestWhoHasWaitedForAnAgeCountsAsOneClassHigher(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 100, Rows: 16, Queue: 9, Age: time.Second})
	w.submit(4)
	w.step()
	w.job(Job{Prompt: 4, Class: FlexClass})
	w.now = w.now.Add(2 * time.Second)
	w.submit(4)
	w.s.Cancel(1)
	w.wantSteps("2:0+4!")
}

func TestTheTenantWithLessServiceStartsFirst(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 100, Rows: 16, Queue: 9})
	w.job(Job{Prompt: 9, Tenant: "a"})
	w.job(Job{Prompt: 2, Tenant: "a"})
	w.job(Job{Prompt: 9, Tenant: "b"})
	w.wantSteps("2:0+2!") // within a tenant the shortest
	w.s.Cancel(2)
	w.wantSteps("3:0+9!")
}

func TestFollowersWaitForTheirLeaderAndForkWhereTheyLeave(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 400, Rows: 64, Queue: 9})
	w.submit(200)
	w.wantSteps("1:0+64")
	w.fx.prefix[2] = Prefix{Ready: 64, Free: 64, Coming: 100, Leader: 1}
	w.submit(120)
	w.wantSteps("1:64+36")
	w.fx.prefix[2] = Prefix{Ready: 100, Free: 100}
	w.wantSteps("2:100+20! 1:100+44")
}

func TestAFollowerStartsItselfWhenItsLeaderIsGone(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 4, Cells: 400, Rows: 64, Queue: 9})
	w.submit(200)
	w.step()
	w.fx.prefix[2] = Prefix{Coming: 100, Leader: 1}
	w.submit(120)
	w.step()
	w.s.Cancel(1)
	w.fx.prefix[2] = Prefix{}
	w.wantSteps("2:0+64")
}

func TestDraftsFillRowsThatCostNothingAndStayWhereTheyComeTrue(t *testing.T) {
	costs := &Costs{Points: []Point{{4, 4 * ms}, {8, 8 * ms}, {64, 64 * ms}}}
	w := newPricedWorld(t, Limits{Seqs: 4, Cells: 400, Rows: 64, Queue: 9, Align: 4}, costs)
	w.submit(4)
	w.wantSteps("1:0+4!")
	w.fx.drafts[1], w.kept[1] = 9, 2
	w.wantSteps("1:4+4?3!", "1:7+4?3!")
}

func TestDraftsThatNeverComeTrueStop(t *testing.T) {
	w := newPricedWorld(t, Limits{Seqs: 1, Cells: 400, Rows: 64, Queue: 9}, &Costs{Points: []Point{{1, 10 * ms}, {2, 12 * ms}, {64, 200 * ms}}})
	w.submit(4)
	w.step()
	w.fx.drafts[1] = 9
	drafted := 0
	for range 60 {
		for _, r := range w.plan() {
			drafted += r.Draft
		}
		w.step()
	}
	if drafted == 0 || drafted > 30 {
		t.Errorf("%d rows of drafts were planned in 60 steps, want a few", drafted)
	}
}

func TestAFullQueueSaysWhenToComeBack(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 1, Cells: 100, Rows: 16, Queue: 1})
	w.job(Job{Prompt: 4, MaxTokens: 10})
	w.step()
	w.job(Job{Prompt: 4, MaxTokens: 10})
	err := w.s.Submit(Job{ID: 9, Prompt: 4}, w.now)
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Waiting != 1 || busy.Wait < 9*ms {
		t.Errorf("a second in a queue of one: %v", err)
	}
}

func TestALeaderIsAsUrgentAsItsMostUrgentFollower(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 2, Cells: 900, Rows: 16, Queue: 9})
	w.job(Job{Prompt: 200, Class: FlexClass})
	w.step()
	w.job(Job{Prompt: 30})
	w.step() // both run
	w.fx.prefix[3] = Prefix{Ready: 28, Coming: 100, Leader: 1}
	w.job(Job{Prompt: 120, Class: PriorityClass})
	before := w.s.live[1].computed
	w.step()
	if n := w.s.live[1].computed - before; n < 12 {
		t.Errorf("the leader of a priority request got %d of 16 rows", n)
	}
	w.s.NoSlot(w.plan())
	w.fx.want(t, "start 1", "start 2", "pause 2")
}

func TestPausesThatFreeNothingGoOnToTheNext(t *testing.T) {
	w := newWorld(t, Limits{Seqs: 3, Cells: 100, Rows: 32, Queue: 9})
	for range 3 {
		w.submit(10)
	}
	w.step()
	w.fx.freed[3], w.fx.freed[2] = 0, 0 // all they hold is shared with request 1
	plan := w.s.Next(Room{Cells: 0, Seqs: 0}, w.now)
	w.fx.want(t, "start 1", "start 2", "start 3", "pause 3", "pause 2")
	if len(plan) != 0 || len(w.s.running) != 1 {
		t.Errorf("planned %v in a full cache, %d run", plan, len(w.s.running))
	}
	if err := w.s.Check(); err != nil {
		t.Error(err)
	}
	if got := show(w.s.Next(Room{Cells: 1, Seqs: 2}, w.now)); got != "1:10+1!" {
		t.Errorf("with one cell %q is planned, want the decode of the one that runs", got)
	}
}
