//! powersupplyclass: batteries, uninterruptible supplies and mains adapters.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::{Attributes, entries};
use super::table::{Column, Scale, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

const MICRO: Scale = Scale::Over(1e6);
const TENTHS: Scale = Scale::Over(10.0);

macro_rules! plain {
    ($file:literal, $name:literal, $help:literal) => {
        Column::gauge($file, concat!("node_power_supply_", $name), $help)
    };
}

const COLUMNS: &[Column] = &[
    plain!("authentic", "authentic", "1 for a genuine battery."),
    plain!("calibrate", "calibrate", "1 while the battery is calibrated."),
    plain!("capacity", "capacity", "Charge in percent."),
    plain!("capacity_alert_max", "capacity_alert_max", "Charge in percent that raises an alert."),
    plain!("capacity_alert_min", "capacity_alert_min", "Charge in percent that raises an alert."),
    plain!("cycle_count", "cyclecount", "Charge cycles so far."),
    plain!("online", "online", "1 while the supply is connected."),
    plain!("present", "present", "1 while the battery is there."),
    plain!("time_to_empty_now", "time_to_empty_seconds", "Time until it is empty."),
    plain!("time_to_full_now", "time_to_full_seconds", "Time until it is full."),
    plain!("current_boot", "current_boot", "Current at boot in amperes.").scaled(MICRO),
    plain!("current_max", "current_max", "Largest current in amperes.").scaled(MICRO),
    plain!("current_now", "current_ampere", "Current.").scaled(MICRO),
    plain!("energy_empty", "energy_empty", "Energy when empty, Wh.").scaled(MICRO),
    plain!("energy_empty_design", "energy_empty_design", "The same by design.").scaled(MICRO),
    plain!("energy_full", "energy_full", "Energy when full, Wh.").scaled(MICRO),
    plain!("energy_full_design", "energy_full_design", "The same by design.").scaled(MICRO),
    plain!("energy_now", "energy_watthour", "Energy left.").scaled(MICRO),
    plain!("voltage_boot", "voltage_boot", "Voltage at boot.").scaled(MICRO),
    plain!("voltage_max", "voltage_max", "Largest voltage.").scaled(MICRO),
    plain!("voltage_max_design", "voltage_max_design", "The same by design.").scaled(MICRO),
    plain!("voltage_min", "voltage_min", "Smallest voltage.").scaled(MICRO),
    plain!("voltage_min_design", "voltage_min_design", "The same by design.").scaled(MICRO),
    plain!("voltage_now", "voltage_volt", "Voltage.").scaled(MICRO),
    plain!("voltage_ocv", "voltage_ocv", "Voltage of the open circuit.").scaled(MICRO),
    plain!("charge_control_limit", "charge_control_limit", "Limit of the charge.").scaled(MICRO),
    plain!("charge_control_limit_max", "charge_control_limit_max", "Its largest value.")
        .scaled(MICRO),
    plain!("charge_counter", "charge_counter", "Charge that went through, Ah.").scaled(MICRO),
    plain!("charge_empty", "charge_empty", "Charge when empty, Ah.").scaled(MICRO),
    plain!("charge_empty_design", "charge_empty_design", "The same by design.").scaled(MICRO),
    plain!("charge_full", "charge_full", "Charge when full, Ah.").scaled(MICRO),
    plain!("charge_full_design", "charge_full_design", "The same by design.").scaled(MICRO),
    plain!("charge_now", "charge_ampere", "Charge left, Ah.").scaled(MICRO),
    plain!("charge_term_current", "charge_term_current", "Current that ends charging, A.")
        .scaled(MICRO),
    plain!("constant_charge_current", "constant_charge_current", "Charging current, A.")
        .scaled(MICRO),
    plain!("constant_charge_current_max", "constant_charge_current_max", "Its largest value.")
        .scaled(MICRO),
    plain!("constant_charge_voltage", "constant_charge_voltage", "Charging voltage, V.")
        .scaled(MICRO),
    plain!("constant_charge_voltage_max", "constant_charge_voltage_max", "Its largest value.")
        .scaled(MICRO),
    plain!("precharge_current", "precharge_current", "Current before charging, A.").scaled(MICRO),
    plain!("input_current_limit", "input_current_limit", "Limit of the input, A.").scaled(MICRO),
    plain!("power_now", "power_watt", "Power.").scaled(MICRO),
    plain!("temp", "temp_celsius", "Temperature.").scaled(TENTHS),
    plain!("temp_alert_max", "temp_alert_max_celsius", "Temperature that raises an alert.")
        .scaled(TENTHS),
    plain!("temp_alert_min", "temp_alert_min_celsius", "Temperature that raises an alert.")
        .scaled(TENTHS),
    plain!("temp_ambient", "temp_ambient_celsius", "Temperature around it.").scaled(TENTHS),
    plain!("temp_ambient_max", "temp_ambient_max_celsius", "The largest allowed.").scaled(TENTHS),
    plain!("temp_ambient_min", "temp_ambient_min_celsius", "The smallest allowed.").scaled(TENTHS),
    plain!("temp_max", "temp_max_celsius", "The largest allowed.").scaled(TENTHS),
    plain!("temp_min", "temp_min_celsius", "The smallest allowed.").scaled(TENTHS),
];

const WORDS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

pub(super) struct PowerSupplyClass {
    roots: Arc<Roots>,
}

impl PowerSupplyClass {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for PowerSupplyClass {
    fn name(&self) -> &'static str {
        "powersupplyclass"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/power_supply");
        let mut info = Family::gauge("node_power_supply_info", "The supply in words, always 1.");
        let mut table = Table::new(COLUMNS);
        for supply in entries(&dir)? {
            let Some(files) = Attributes::open(&dir.join(&supply)) else {
                continue;
            };
            let words = WORDS.iter().filter_map(|word| Some((*word, files.text(word)?)));
            let name = std::iter::once(("power_supply", supply.clone()));
            if let Ok(labels) = Labels::new(name.chain(words)) {
                info.push(labels, 1.0);
            }
            let labels = labels([("power_supply", &supply)]);
            table.row(&labels, |column| files.number(column.source));
        }
        if !info.points.is_empty() {
            out.push(info);
        }
        table.finish(out);
        Ok(())
    }
}
