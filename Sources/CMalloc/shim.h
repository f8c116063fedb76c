/* glibc's mallopt(3), declared by hand: <malloc.h> brings types along that Swift then believes to be of this module. */
extern int mallopt(int parameter, int value);

static const int MESHD_M_TRIM_THRESHOLD = -1;
static const int MESHD_M_TOP_PAD = -2;
static const int MESHD_M_MMAP_THRESHOLD = -3;
static const int MESHD_M_ARENA_MAX = -8;
