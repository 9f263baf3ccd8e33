//! Files that statements name.

#[path = "files/confinement.rs"]
mod confinement;
#[path = "files/copying.rs"]
mod copying;
#[path = "files/external.rs"]
mod external;
#[path = "files/fixture.rs"]
mod fixture;
#[path = "files/hostile.rs"]
mod hostile;
#[path = "files/reading.rs"]
mod reading;
