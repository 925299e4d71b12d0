/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Those who acquire, close and release leases: rust/manager.rs, rust/device.rs.  A
 * file has at most one lease at a time here.
 */

/* Manager::acquire() */
proctype Acquirer()
{
	byte f, x;

end_idle:
	atomic {
		if
#ifdef ACQUIRE_WITHOUT_I_RWSEM
		:: !stopping -> f = 0
		:: !stopping -> f = FILES - 1
		fi
#else
		:: !stopping && i_free(0) -> f = 0
#if FILES > 1
		:: !stopping && i_free(1) -> f = 1
#endif
		fi;
		i_rwsem[f] = 1
#endif
	STEP_TO(again)
		/* find_or_insert() */
		if
		:: table[f] != NONE -> x = table[f]
		:: else ->
			x = f * LAYOUTS;
#if LAYOUTS > 1
			do
			:: x < (f + 1) * LAYOUTS && users[x] > 0 -> x++
			:: else -> break
			od;
			if
			:: x == (f + 1) * LAYOUTS -> goto unlock
			:: else
			fi;
			retired[x] = 0;
#endif
			table[f] = x
		fi;
		get(x)
	STEP
		/* Layout::insert() */
#if LAYOUTS > 1 && !defined(NO_REINSERT_CHECK)
		if
		:: retired[x] -> put(x); goto again
		:: else
		fi;
#endif
		if
		:: lease[x] || changing(x, LEASED) -> goto failed
		:: else ->
			lease[x] = 1;
			fd_open[x] = 1;
#ifdef BREAKABLE
			if
			:: breakable[x] = 0
			:: breakable[x] = 1
			fi;
#endif
			step_must_not(LEASE_IN_A_RETIRED_LAYOUT, table[f] != x)
		fi;
		goto unlock
	}
failed:
	atomic {
		retire_if_idle(x);
		put(x)
	}
unlock:
	atomic {
#ifndef ACQUIRE_WITHOUT_I_RWSEM
		i_rwsem[f] = 0;
#endif
		f = 0; x = 0;
		goto end_idle
	}
}

/*
 * close() of the last fd of a lease, in any order with the unpins; or RELEASE,
 * which waits for them, or for a signal.
 */
proctype Closer()
{
	byte x;

end_idle:
	atomic {
		if
		:: !stopping && lease[0] && fd_open[0] -> x = 0
#if NR > 1
		:: !stopping && lease[1] && fd_open[1] -> x = 1
#endif
#if NR > 2
		:: !stopping && lease[2] && fd_open[2] -> x = 2
#endif
#if NR > 3
		:: !stopping && lease[3] && fd_open[3] -> x = 3
#endif
		fi;
		if
		:: fd_open[x] = 0; after_loss(x)
		:: lease_idle(x) -> remove_lease(x)
		:: !lease_idle(x) -> releasing[x] = 1; goto waiting
		fi
	STEP_TO(reap)
		/* Manager::reap() */
		retire_if_idle(x);
		put(x);
		x = 0;
		goto end_idle
	}
waiting:
	if
	:: atomic { lease_idle(x) -> remove_lease(x); goto reap }
	:: atomic { true -> releasing[x] = 0; x = 0; goto end_idle }
	fi
}

