/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Users of the files who know nothing of leases, and do to locks and pages what
 * users do.
 */

#ifdef DIRECT_IO
/*
 * Direct I/O from mapped pages: a reference that no account explains, held while
 * the next page is faulted in.
 */
proctype DirectIO()
{
	byte f;

end_idle:
	atomic {
		if
		:: !stopping && mapped[0] -> f = 0
#if FILES > 1
		:: !stopping && mapped[1] -> f = 1
#endif
		fi;
		refs[f]++
	}
	if
	:: true ->
		atomic { inv_readable(f) -> inv_readers[f]++ }
		atomic { mapped[f] = 1; inv_readers[f]-- }
	:: true
	fi;
	atomic { refs[f]--; f = 0; goto end_idle }
}

#endif

#ifdef THREAD
/* A thread beside the pinners: mmap(); or a write() from a mapped page. */
proctype Thread()
{
	byte f;

end_idle:
	if
	:: atomic { !stopping -> mmap_wanted = 1 }
		atomic { !mmap_write && mmap_readers == 0 -> mmap_wanted = 0; mmap_write = 1 }
		atomic { mmap_write = 0; goto end_idle }
	:: atomic { !stopping && i_free(0) -> i_rwsem[0] = 1; f = 0 }
#if FILES > 1
	:: atomic { !stopping && i_free(1) -> i_rwsem[1] = 1; f = 1 }
#endif
	fi;
	atomic { mmap_readable -> mmap_readers++ }
	/* The page is of the other file. */
	atomic { inv_readable(FILES - 1 - f) -> inv_readers[FILES - 1 - f]++ }
	atomic { inv_readers[FILES - 1 - f]--; mapped[FILES - 1 - f] = 1; mmap_readers-- }
	atomic { i_rwsem[f] = 0; f = 0; goto end_idle }
}
#endif

#ifdef REMAP
/*
 * A layout change of two files, such as reflink: xfs_ilock2_io_mmap() and
 * xfs_mmaplock_two_inodes_and_break_dax_layout().
 */
proctype Remapper(byte b)
{
	byte x, y, pages, ok;
	bit mine, drain;
#ifdef BREAKABLE
	bit f;
	byte z, w;
#endif

end_idle:
	atomic { !stopping && i_free(0) -> i_rwsem[0] = 1 }
#ifdef ONE_FILE_AFTER_THE_OTHER
	inv_lock(0);
#endif
	atomic {
		i_free(1) -> i_rwsem[1] = 1;
		breaking(b, 1);
		x = NONE; y = NONE
	}
#ifdef BREAKABLE
ask:
	/* With a token it does not ask a second time. */
	if
	:: x != NONE -> goto ask_other
	:: else
	fi;
#endif
	begin(b, 0, x, pages, mine, ok, drain);
	if
	:: ok == REFUSED -> goto unlock
	:: ok == GO
#ifdef BREAKABLE
	:: atomic { ok == WAIT -> f = 0; w = x; goto wait }
#endif
	fi;
#ifdef BREAKABLE
ask_other:
	if
	:: atomic { y != NONE -> ok = 0; pages = 0; mine = 0; goto again }
	:: else
	fi;
#endif
#ifndef SECOND_FILE_NOT_ASKED
	begin(b, 1, y, pages, mine, ok, drain);
	if
	:: atomic { ok == REFUSED -> goto unlock }
	:: atomic { ok == GO -> ok = 0; pages = 0; mine = 0 }
#ifdef BREAKABLE
	:: atomic { ok == WAIT -> f = 1; w = y; goto wait }
#endif
	fi;
#endif

again:
#ifdef ONE_FILE_AFTER_THE_OTHER
	if
	:: inv_write[0]
	:: else -> inv_lock(0)
	fi;
#else
	inv_lock(0);
#endif
	wait_idle(0);
	inv_lock(1);
	mapped[1] = 0;
#ifndef NO_FS_WAIT
	if
	:: refs[1] == 0 -> goto change
	:: atomic { refs[1] > 0 -> inv_write[1] = 0; inv_write[0] = 0 }
	fi;
	inv_lock(1);
	wait_idle(1);
	atomic { inv_write[1] = 0; goto again }
#endif

change:
	atomic {
		change_layout(0);
		change_layout(1)
	}
unlock:
	atomic { end(b, y); end(b, x) }
	atomic {
		inv_write[0] = 0;
		inv_write[1] = 0;
		i_rwsem[0] = 0;
		i_rwsem[1] = 0;
		breaking(b, 0);
		x = 0; y = 0; pages = 0; mine = 0; ok = 0;
		goto end_idle
	}

#ifdef BREAKABLE
wait:
	atomic { i_rwsem[0] = 0; i_rwsem[1] = 0 }
#ifdef FIRST_MARK_NOT_KEPT
	if
	:: atomic { f == 1 && x != NONE -> mark[b * NR + x] = 8 }	/* of no page */
	:: else
	fi;
#endif
	wait_break(b, f, w, pages, mine, ok, z);
	if
	:: atomic { ok == REFUSED -> end(b, y); end(b, x); goto over }
	:: atomic { ok == GO -> ok = 0; pages = 0; mine = 0; f = 0; w = 0 }
	fi;
	i_lock_again(0);
	i_lock_again(1);
	goto ask;
over:
	atomic {
		breaking(b, 0);
		x = 0; y = 0; pages = 0; mine = 0; ok = 0; f = 0; w = 0;
		goto end_idle
	}
#endif
}
#endif

/* From some time on nobody begins anything new, and no device lets go. */
proctype Stopper()
{
	stopping = 1
}
