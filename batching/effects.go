package batching

// Prefix is what is computed already of a waiting request's tokens.
type Prefix struct {
	Ready  int   // tokens that Start would give now, fewer than are known
	Free   int   // of Ready, those that need no cell from Room: a running sequence shares them
	Coming int   // tokens that the running request Leader will have computed; 0, or more than Ready
	Leader ReqID // meaningless when Coming is 0
}

// Started is what a start gave.
type Started struct {
	Computed int // tokens that are computed already, fewer than are known
	Cells    int // taken from Room
}

// Effects is all that the scheduler may ask of the world; engine implements it.
type Effects interface {
	// Look tells what Start would find. It changes nothing.
	Look(ReqID) Prefix
	// Start gives the request a sequence on its longest cached prefix.
	Start(ReqID) Started
	// Pause takes the sequence back and keeps the request. It returns how many
	// cells Room has won by it: shared ones stay.
	Pause(ReqID) (freed int)
	// Propose returns how many draft tokens there are to follow what the request
	// knows, at most most. It is asked at most once a step; the first Rows.Draft
	// of them are to be computed.
	// agree is how many tokens before them agree with where they come from: the
	// more, the likelier they come true.
	Propose(id ReqID, most int) (n, agree int)
}
