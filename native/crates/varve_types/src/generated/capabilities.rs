// Generated from capability-matrix/schema and tiers/*/capabilities.json; do not edit.

//! What each tier claims, as types and constants.

/// What one tier of Varve claims: the device it is made for, the modules and contracts it has, and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Version of this format.
    pub schema_version: u64,
    /// The five sizes of Varve, smallest first.
    pub tier: Tier,
    /// C = (compute, memory, storage, network, energy): the device that the tier is made for.
    pub device: Device,
    /// Modules that the tier contains.
    pub modules: &'static [Module],
    /// Contracts of core/interfaces that the tier implements and whose conformance suites it runs.
    pub contracts: &'static [Contract],
    /// Documented limits; what exceeds one is refused with an error code.
    pub limits: Limits,
    /// Platforms that the tier's native code is built for.
    pub targets: &'static [Target],
}

/// The five sizes of Varve, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// `embedded`
    Embedded,
    /// `mobile`
    Mobile,
    /// `pc`
    Pc,
    /// `server`
    Server,
    /// `hpc`
    Hpc,
}

impl Tier {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Mobile => "mobile",
            Self::Pc => "pc",
            Self::Server => "server",
            Self::Hpc => "hpc",
        }
    }
}

/// A part that a tier may contain; a folder of core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// `kv`
    Kv,
    /// `sql`
    Sql,
    /// `inference`
    Inference,
    /// `control`
    Control,
    /// `scheduler`
    Scheduler,
    /// `cluster`
    Cluster,
    /// `agent`
    Agent,
    /// `runtime`
    Runtime,
}

impl Module {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Sql => "sql",
            Self::Inference => "inference",
            Self::Control => "control",
            Self::Scheduler => "scheduler",
            Self::Cluster => "cluster",
            Self::Agent => "agent",
            Self::Runtime => "runtime",
        }
    }
}

/// A contract of core/interfaces with an exported conformance suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contract {
    /// `KeyValueStore`
    KeyValueStore,
    /// `DurableLog`
    DurableLog,
    /// `TableStore`
    TableStore,
    /// `SqlEngine`
    SqlEngine,
    /// `ModelRuntime`
    ModelRuntime,
    /// `Telemetry`
    Telemetry,
    /// `Controller`
    Controller,
    /// `Scheduler`
    Scheduler,
    /// `Platform`
    Platform,
    /// `AgentGateway`
    AgentGateway,
    /// `Cluster`
    Cluster,
}

impl Contract {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyValueStore => "KeyValueStore",
            Self::DurableLog => "DurableLog",
            Self::TableStore => "TableStore",
            Self::SqlEngine => "SqlEngine",
            Self::ModelRuntime => "ModelRuntime",
            Self::Telemetry => "Telemetry",
            Self::Controller => "Controller",
            Self::Scheduler => "Scheduler",
            Self::Platform => "Platform",
            Self::AgentGateway => "AgentGateway",
            Self::Cluster => "Cluster",
        }
    }
}

/// A platform of native code: operating system, processor, C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// `linux-x64-gnu`
    LinuxX64Gnu,
    /// `linux-arm64-gnu`
    LinuxArm64Gnu,
    /// `linux-x64-musl`
    LinuxX64Musl,
    /// `linux-arm64-musl`
    LinuxArm64Musl,
    /// `darwin-arm64`
    DarwinArm64,
    /// `win32-x64-msvc`
    Win32X64Msvc,
}

impl Target {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LinuxX64Gnu => "linux-x64-gnu",
            Self::LinuxArm64Gnu => "linux-arm64-gnu",
            Self::LinuxX64Musl => "linux-x64-musl",
            Self::LinuxArm64Musl => "linux-arm64-musl",
            Self::DarwinArm64 => "darwin-arm64",
            Self::Win32X64Msvc => "win32-x64-msvc",
        }
    }
}

/// The unit of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `bytes`
    Bytes,
    /// `count`
    Count,
    /// `ms`
    Ms,
}

impl Unit {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Ms => "ms",
        }
    }
}

/// What feeds the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnergySource {
    /// `battery`
    Battery,
    /// `mains`
    Mains,
}

impl EnergySource {
    /// The word as capability files spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Battery => "battery",
            Self::Mains => "mains",
        }
    }
}

/// C = (compute, memory, storage, network, energy): the device that the tier is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Processor bounds.
    pub compute: Compute,
    /// Memory bounds of the whole process.
    pub memory: Memory,
    /// Storage bounds.
    pub storage: Storage,
    /// Network needs.
    pub network: Network,
    /// Energy bounds.
    pub energy: Energy,
}

/// Processor bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compute {
    /// Fewest cores that the tier works on.
    pub cores_min: u64,
    /// Most cores that the tier makes use of.
    pub cores_max: u64,
}

/// Memory bounds of the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Least process memory under which the tier serves a data set ten times larger.
    pub process_bytes_min: u64,
    /// Most memory that an idle open store adds to bare Node.
    pub idle_bytes_max: u64,
}

/// Storage bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Free storage that an empty store needs.
    pub free_bytes_min: u64,
    /// Greatest size of the tier's native code, stripped.
    pub code_bytes_max: u64,
}

/// Network needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// False when the tier works offline.
    pub required: bool,
}

/// Energy bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Energy {
    /// What feeds the device.
    pub source: EnergySource,
    /// Most times per second that an idle open store wakes the processor.
    pub idle_wakeups_per_second_max: u64,
}

/// Documented limits; what exceeds one is refused with an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest key.
    pub key: Option<BytesLimit>,
    /// Longest value.
    pub value: Option<BytesLimit>,
    /// Largest batch, encoded.
    pub batch: Option<BytesLimit>,
    /// Most live segments that a read may visit.
    pub segments: Option<CountLimit>,
    /// Largest model file.
    pub model_file: Option<BytesLimit>,
    /// Longest event-loop stall that background work may cause.
    pub event_loop_stall: Option<TimeLimit>,
}

/// A limit on a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BytesLimit {
    /// Greatest allowed value, inclusive.
    pub max: u64,
    /// Always bytes.
    pub unit: Unit,
}

/// A limit on a number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountLimit {
    /// Greatest allowed value, inclusive.
    pub max: u64,
    /// Always count.
    pub unit: Unit,
}

/// A limit on a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Greatest allowed value, inclusive.
    pub max: u64,
    /// Always milliseconds.
    pub unit: Unit,
}

/// What the embedded tier claims.
pub const EMBEDDED: Capabilities = Capabilities {
    schema_version: 1,
    tier: Tier::Embedded,
    device: Device {
        compute: Compute { cores_min: 1, cores_max: 8 },
        memory: Memory { process_bytes_min: 67_108_864, idle_bytes_max: 10_485_760 },
        storage: Storage { free_bytes_min: 33_554_432, code_bytes_max: 2_097_152 },
        network: Network { required: false },
        energy: Energy { source: EnergySource::Battery, idle_wakeups_per_second_max: 1 },
    },
    modules: &[Module::Kv, Module::Inference, Module::Control, Module::Runtime],
    contracts: &[
        Contract::KeyValueStore,
        Contract::DurableLog,
        Contract::ModelRuntime,
        Contract::Controller,
        Contract::Telemetry,
        Contract::Platform,
    ],
    limits: Limits {
        key: Some(BytesLimit { max: 65_535, unit: Unit::Bytes }),
        value: Some(BytesLimit { max: 67_108_864, unit: Unit::Bytes }),
        batch: Some(BytesLimit { max: 268_435_456, unit: Unit::Bytes }),
        segments: Some(CountLimit { max: 4, unit: Unit::Count }),
        model_file: Some(BytesLimit { max: 67_108_864, unit: Unit::Bytes }),
        event_loop_stall: Some(TimeLimit { max: 20, unit: Unit::Ms }),
    },
    targets: &[Target::LinuxX64Gnu, Target::LinuxArm64Gnu],
};

/// What the mobile tier claims.
pub const MOBILE: Capabilities = Capabilities {
    schema_version: 1,
    tier: Tier::Mobile,
    device: Device {
        compute: Compute { cores_min: 1, cores_max: 8 },
        memory: Memory { process_bytes_min: 536_870_912, idle_bytes_max: 67_108_864 },
        storage: Storage { free_bytes_min: 67_108_864, code_bytes_max: 41_943_040 },
        network: Network { required: false },
        energy: Energy { source: EnergySource::Battery, idle_wakeups_per_second_max: 1 },
    },
    modules: &[Module::Inference, Module::Runtime],
    contracts: &[Contract::TableStore, Contract::ModelRuntime, Contract::Platform],
    limits: Limits {
        key: None,
        value: None,
        batch: None,
        segments: None,
        model_file: Some(BytesLimit { max: 67_108_864, unit: Unit::Bytes }),
        event_loop_stall: None,
    },
    targets: &[Target::LinuxX64Gnu, Target::LinuxArm64Gnu],
};

/// What the pc tier claims.
pub const PC: Capabilities = Capabilities {
    schema_version: 1,
    tier: Tier::Pc,
    device: Device {
        compute: Compute { cores_min: 2, cores_max: 64 },
        memory: Memory { process_bytes_min: 1_073_741_824, idle_bytes_max: 134_217_728 },
        storage: Storage { free_bytes_min: 1_073_741_824, code_bytes_max: 188_743_680 },
        network: Network { required: false },
        energy: Energy { source: EnergySource::Mains, idle_wakeups_per_second_max: 1 },
    },
    modules: &[Module::Sql, Module::Inference, Module::Runtime],
    contracts: &[Contract::SqlEngine, Contract::ModelRuntime, Contract::Platform],
    limits: Limits {
        key: None,
        value: None,
        batch: None,
        segments: None,
        model_file: Some(BytesLimit { max: 67_108_864, unit: Unit::Bytes }),
        event_loop_stall: None,
    },
    targets: &[Target::LinuxX64Gnu, Target::LinuxArm64Gnu],
};
