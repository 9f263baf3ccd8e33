//! Files that statements name.

mod confinement;
mod copying;
mod external;
mod fixture;
mod hostile;
mod partitions;
mod reading;
