/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks of the kernel, and SRCU.
 *
 * A rwsem that a writer waits for lets no new readers in.  A mutex of the module
 * (a shard, Layout::inner) is an atomic block, as nothing waits inside of one.
 */

/*
 * inode->i_rwsem, for writing.  Layout changes that have waited and want it again
 * come before those that are new, in the end.
 */
bit i_rwsem[FILES];
#ifdef BREAKABLE
byte i_wanted[FILES];
#define i_free(f)	(!i_rwsem[f] && !i_wanted[f])

inline i_lock_again(ia_f)
{
	i_wanted[ia_f]++;
	atomic { !i_rwsem[ia_f] -> i_wanted[ia_f]--; i_rwsem[ia_f] = 1 }
}
#else
#define i_free(f)	(!i_rwsem[f])
#endif

/* mapping->invalidate_lock */
bit inv_write[FILES];
bit inv_wanted[FILES];
byte inv_readers[FILES];

#define inv_readable(f)	(!inv_write[f] && !inv_wanted[f])

inline inv_lock(il_f)
{
	inv_wanted[il_f] = 1;
	atomic {
		!inv_write[il_f] && inv_readers[il_f] == 0 ->
		inv_wanted[il_f] = 0;
		inv_write[il_f] = 1
	}
}

/* mm->mmap_lock of the process whose threads the pinners are. */
bit mmap_write;
bit mmap_wanted;
byte mmap_readers;

#define mmap_readable	(!mmap_write && !mmap_wanted)

/*
 * Manager::srcu: who is in a read section, and for whom each layout change still
 * waits.  A grace period ends when all who were inside at its start have left.
 */
byte srcu_inside;
byte srcu_awaited[BREAKERS];

#define srcu_enter(p)	srcu_inside = srcu_inside | (1 << (p))

inline srcu_leave(sr_p)
{
	d_step {
		srcu_inside = srcu_inside & ~(1 << (sr_p));
		srcu_awaited[0] = srcu_awaited[0] & ~(1 << (sr_p));
		srcu_awaited[1] = srcu_awaited[1] & ~(1 << (sr_p))
	}
}
