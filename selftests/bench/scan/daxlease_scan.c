// SPDX-License-Identifier: GPL-2.0
/*
 * Times dax_layout_busy_page(), the search of a whole file for a busy page that
 * ext4 and xfs begin a layout change with on stock Linux.  With the kernel series
 * they search a range, so that no system call shows it any more; the function is
 * the same.
 */
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "scan_uapi.h"

static void scan_search(struct inode *inode, struct scan_file *scan)
{
	ktime_t begin;

	/* As where it is called from. */
	inode_lock(inode);
	filemap_invalidate_lock(inode->i_mapping);
	begin = ktime_get();
	scan->busy = !!dax_layout_busy_page(inode->i_mapping);
	scan->ns = ktime_to_ns(ktime_sub(ktime_get(), begin));
	filemap_invalidate_unlock(inode->i_mapping);
	inode_unlock(inode);
}

static long scan_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct scan_file scan;

	if (cmd != SCAN_FILE)
		return -ENOTTY;
	if (copy_from_user(&scan, user, sizeof(scan)))
		return -EFAULT;

	CLASS(fd, f)(scan.fd);
	if (fd_empty(f))
		return -EBADF;
	if (!IS_DAX(file_inode(fd_file(f))))
		return -EINVAL;
	scan_search(file_inode(fd_file(f)), &scan);
	return copy_to_user(user, &scan, sizeof(scan)) ? -EFAULT : 0;
}

static const struct file_operations scan_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= scan_ioctl,
};

static struct miscdevice scan_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "daxlease-scan",
	.fops	= &scan_fops,
	.mode	= 0600,
};

module_misc_device(scan_device);
MODULE_DESCRIPTION("Times the search for busy pages of a DAX file");
MODULE_LICENSE("GPL");
