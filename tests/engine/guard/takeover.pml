/* How an observatory is taken over: runner, guards, keeper, worker, journal with fences, and switch.

   Two hosts have a worker and the guards of their run, a third one has the keeper. One request asks for one frame. A tick is
   2 s: a heartbeat each tick, the keeper darkens after 2, a run stops at an age of 3, its tenure is over at 4, and others take
   its observatory after 5. Whatever a process can do in a tick it does before the next one, in any order with all others.

   Faults come at any moment: a host is lost, frozen, or cut off from the journal; a run is killed, alone or after its guards;
   the keeper is frozen or cut off. A run that is frozen between its last look at the tenure and its command sends the
   command when it wakes: the late command. If its host is lost right after that, nobody may know of the lamp. Nothing in
   the protocol helps against it, but a dead-man at the switch: the model calls that lamp stray, and excuses it.

   Each of the macros in the test leaves one rule out. */

#define UP 0
#define FROZEN 1
#define LOST 2

/* What a run is about to do. */
#define NOBODY 0
#define TAKEN 1    /* all lamps off */
#define READY 2    /* enter the intent */
#define INTENDED 3 /* look at the tenure */
#define LOOKED 4   /* lamp on */
#define LIT 5      /* integrate */
#define SHOT 6     /* read back, and enter the frame */
#define DARKENED 7 /* lamp off, and enter the end */
#define STOPPING 8 /* lamp off, nothing else */
#define KILLED 9   /* guards: lamp off */

#define STOP_AGE 3
#define OVER_AGE 4
#define DARK_SILENCE 2
#define TAKE_SILENCE 5
#define MOST 5 /* ages and silences beyond this are all the same */
#define LONG 15

#ifdef TAKES_EARLY
#define KEEPER_TAKES DARK_SILENCE
#else
#define KEEPER_TAKES TAKE_SILENCE
#endif

#ifndef FAULTS
#define FAULTS 2
#endif

byte host[2], at[2], epoch[2], age[2], guards[2];
bool cut[2], asleep[2], late[2], woke[2], beaten[2], stepped[2];
bool lit, stray;                         /* the switch */
byte fence, holder, since;               /* the journal: epoch, who holds it, ticks since the last heartbeat */
bool heard, finished;
byte frames;
byte keeper, silence, doomed, orphan;
bool keeper_cut, blind, looked;
byte faults = FAULTS, calm;

#define WORKS(h) (at[h] >= TAKEN && at[h] <= DARKENED)
#define VALID(h) (host[h] != LOST && at[h] >= READY && at[h] <= DARKENED && age[h] < STOP_AGE)
#define MINE(h) (holder == h + 1 && epoch[h] == fence)
#define FREE(h) (holder == 0 || holder == h + 1 || since >= TAKE_SILENCE)
#define CAN_TAKE(h) (host[h] == UP && !cut[h] && at[h] == NOBODY && !finished && FREE(h))
#define DUE(h) (host[h] == UP && ((WORKS(h) && (!stepped[h] || !beaten[h] || age[h] >= STOP_AGE)) || at[h] == STOPPING || at[h] == KILLED || CAN_TAKE(h)))
#define KEEPER_DUE (keeper == UP && (!looked || doomed))
#define WHOLE (host[0] != FROZEN && host[1] == UP && !cut[0] && !cut[1] && keeper == UP && !keeper_cut)

inline take(h) {
  assert(!VALID(1 - h)); /* two runs never hold it together */
  fence++; epoch[h] = fence; holder = h + 1; since = 0; heard = 1; age[h] = 0; at[h] = TAKEN; stepped[h] = 1; beaten[h] = 1;
}

inline beat(h) {
  beaten[h] = 1;
  if
  :: cut[h]
  :: !cut[h] && MINE(h) && age[h] < STOP_AGE -> age[h] = 0; since = 0; heard = 1
  :: !cut[h] && !(MINE(h) && age[h] < STOP_AGE) -> at[h] = STOPPING
  fi
}

inline stop(h) {
  lit = 0; at[h] = NOBODY; asleep[h] = 0; late[h] = 0;
  if
#ifdef RELEASES_BY_PROCESS
  :: !cut[h] -> holder = 0
  :: cut[h]
#else
  :: !cut[h] && MINE(h) -> holder = 0
  :: cut[h] || !MINE(h)
#endif
  fi
}

inline record(h) {
#ifdef NO_FENCE
  assert(epoch[h] == fence);
#endif
  assert(frames == 0); /* no frame is taken twice */
  frames++;
}

inline step(h) {
  stepped[h] = 1;
  if
  :: at[h] == TAKEN -> lit = 0; at[h] = READY
#ifdef FORGETS_FRAMES
  :: at[h] == READY && !cut[h] && MINE(h) -> at[h] = INTENDED
#else
  :: at[h] == READY && !cut[h] && MINE(h) -> at[h] = (frames -> DARKENED : INTENDED)
#endif
#ifdef NO_LAST_LOOK
  :: at[h] == INTENDED -> assert(age[h] < OVER_AGE); lit = 1; at[h] = LIT
#else
  :: at[h] == INTENDED && age[h] < STOP_AGE -> at[h] = LOOKED
  :: at[h] == INTENDED && age[h] >= STOP_AGE -> at[h] = STOPPING
#endif
  :: at[h] == LOOKED -> assert(age[h] < OVER_AGE || asleep[h]); late[h] = asleep[h]; asleep[h] = 0; lit = 1; at[h] = LIT
  :: at[h] == LIT -> at[h] = SHOT
  :: at[h] == SHOT && !lit -> at[h] = READY /* the frame is bad, and taken again */
#ifdef NO_FENCE
  :: at[h] == SHOT && lit && !cut[h] -> record(h); at[h] = DARKENED
#else
  :: at[h] == SHOT && lit && !cut[h] && MINE(h) -> record(h); at[h] = DARKENED
  :: at[h] == SHOT && lit && !cut[h] && !MINE(h) -> at[h] = STOPPING
#endif
  :: at[h] == DARKENED && !cut[h] && MINE(h) -> lit = 0; finished = 1; holder = 0; at[h] = NOBODY
  :: (at[h] == READY || at[h] == DARKENED) && !cut[h] && !MINE(h) -> at[h] = STOPPING
  :: (at[h] == READY || at[h] == DARKENED || (at[h] == SHOT && lit)) && cut[h] /* the journal does not answer */
  fi
}

inline strike(h) {
  if
  :: h == 0 -> host[h] = LOST; at[h] = NOBODY; asleep[h] = 0; stray = (late[h] || stray)
  :: host[h] = FROZEN; asleep[h] = (at[h] == LOOKED)
  :: !cut[h] -> cut[h] = 1
  :: WORKS(h) -> at[h] = (guards[h] -> KILLED : NOBODY); stray = (late[h] && !guards[h] || stray)
  :: guards[h] -> guards[h] = 0
  fi
}

inline look() {
  looked = 1;
  if
  :: keeper_cut -> blind = 1; doomed = 0
  :: !keeper_cut && (blind || holder == 0 || heard) -> blind = 0; silence = 0
  :: !keeper_cut && !blind && holder != 0 && !heard ->
     silence = (silence < MOST -> silence + 1 : MOST);
     if
     :: silence >= DARK_SILENCE -> lit = 0
     :: else
     fi;
     if
     :: silence >= KEEPER_TAKES -> doomed = fence
     :: else
     fi
  fi;
  if
  :: !keeper_cut -> heard = 0
  :: keeper_cut
  fi
}

inline doom() {
  if
#ifdef NO_COMPARISON
  :: holder != 0 -> fence++; holder = 0
  :: holder == 0
#else
  :: holder != 0 && doomed == fence && !heard -> fence++; holder = 0
  :: holder == 0 || doomed != fence || heard
#endif
  fi;
  doomed = 0
}

inline older(h) {
  age[h] = (WORKS(h) && age[h] < MOST -> age[h] + 1 : age[h]);
  beaten[h] = 0; stepped[h] = 0; woke[h] = 0
}

active proctype world() {
  byte h;
  guards[0] = 1; guards[1] = 1;
  do
  :: atomic { calm < LONG ->
    if
    /* runs, guards and workers */
    :: h = 0
    :: h = 1
    fi;
    if
    :: host[h] == UP && CAN_TAKE(h) -> take(h)
    :: host[h] == UP && WORKS(h) && !beaten[h] -> beat(h)
    :: host[h] == UP && WORKS(h) && age[h] >= STOP_AGE -> at[h] = STOPPING
    :: host[h] == UP && WORKS(h) && !stepped[h] -> step(h)
    :: host[h] == UP && at[h] == STOPPING -> stop(h)
    :: host[h] == UP && at[h] == KILLED -> lit = 0; at[h] = NOBODY; late[h] = 0
    :: host[h] == UP && woke[h] && guards[h] -> woke[h] = 0; lit = 0 /* they have missed a heartbeat, too */
    /* the keeper */
#ifndef NO_KEEPER
    :: keeper == UP && !looked -> look()
    :: keeper == UP && looked && doomed && !keeper_cut -> doom()
    :: keeper == UP && looked && doomed && keeper_cut -> doomed = 0
#endif
    /* faults, and their ends */
    :: faults && host[h] == UP -> faults--; strike(h)
    :: faults && keeper == UP -> faults--; keeper = FROZEN
    :: faults && !keeper_cut -> faults--; keeper_cut = 1
    :: faults -> faults = 0
    :: host[h] == FROZEN -> host[h] = UP; woke[h] = 1
    :: cut[h] -> cut[h] = 0
    :: keeper == FROZEN -> keeper = UP
    :: keeper_cut -> keeper_cut = 0
    /* time */
#ifdef NO_KEEPER
    :: !DUE(0) && !DUE(1) ->
#else
    :: !DUE(0) && !DUE(1) && !KEEPER_DUE ->
#endif
       older(0); older(1);
       since = (since < MOST -> since + 1 : MOST);
       looked = 0;
       blind = (keeper == FROZEN -> 1 : blind);
       orphan = (lit && !VALID(0) && !VALID(1) && !stray && !late[0] && !late[1] && keeper == UP && !blind -> orphan + 1 : 0);
       assert(orphan <= TAKE_SILENCE); /* a lamp of a lost run goes dark */
       calm = (faults == 0 && WHOLE -> calm + 1 : 0)
    :: else /* it is the other host's turn */
    fi;
    h = 0
  }
  :: atomic { calm >= LONG -> break }
  od;
  /* a while after the last fault: the request is done once, and it is dark */
  assert(finished && frames == 1);
  assert(!lit || stray);
}
